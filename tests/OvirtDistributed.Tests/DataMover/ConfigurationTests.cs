// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class ConfigurationTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void WrongSettings_AreAllNamedAtOnce()
    {
        var failure = Assert.Throws<OperatorException>(() => Build(new()
        {
            ["DataMover:Repositories:main:Path"] = "relative/path",
            ["DataMover:Repositories:a_b:Path"] = "/tmp/a",
            ["DataMover:Repositories:inner:Path"] = "/tmp/a/b",
            ["DataMover:Limits:MaxSessions"] = "0",
            ["DataMover:Limits:BufferBudgetMiB"] = "1",
            ["Listen:Grpc"] = "nowhere",
            ["Tls:CertificateFile"] = "/does/not/exist.pem",
        }));

        foreach (var part in new[]
        {
            "DataMover:Repositories:main:Path 'relative/path'", "DataMover:Repositories:a_b ", "DataMover:Repositories:inner:Path",
            "MaxSessions '0'", "BufferBudgetMiB '1'", "Listen:Grpc 'nowhere'", "Tls:CertificateFile '/does/not/exist.pem'", "Tls:KeyFile",
        })
        {
            Assert.Contains(part, failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("DataMover:Repositories:main:LockDay", "30", "DataMover:Repositories:main:LockDay is no setting. Known here: GarbageCollection, LockDays, Path")]
    [InlineData("DataMover:Repositories:main:GarbageColection:Grace", "1.00:00:00", "DataMover:Repositories:main:GarbageColection is no setting")]
    [InlineData("DataMover:Repositories:main:LockDays", "abc", "DataMover:Repositories:main:LockDays 'abc' cannot be used: it takes a whole number.")]
    [InlineData("DataMover:Repositories:main:GarbageCollection:Grace", "24h", "Grace '24h' cannot be used: it takes a duration, hours:minutes:seconds")]
    [InlineData("DataMover:Repositories:main:GarbageCollection:Grace", "24", "Grace '24' cannot be used: it takes a duration")]
    [InlineData("Listen:Grpc:Port", "1", "Listen:Grpc:Port is no setting: Listen:Grpc takes text.")]
    [InlineData("Listen:Port", "1", "Listen:Port is no setting. Known here: Grpc, Http.")]
    public void SettingThatNobodyReadsOrThatCannotBe_IsNamed(string setting, string value, string expected)
    {
        var failure = Assert.Throws<OperatorException>(() => Build(new() { ["DataMover:Repositories:main:Path"] = "/tmp/a", [setting] = value }));

        Assert.Contains(expected, failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("is empty", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RepositoryInTwoPlacesOrSharedOnes_IsRefused()
    {
        var failure = Assert.Throws<OperatorException>(() => Build(new()
        {
            ["DataMover:Repositories:both:Path"] = "/tmp/a",
            ["DataMover:Repositories:both:S3:Bucket"] = "b1",
            ["DataMover:Repositories:one:S3:Endpoint"] = "https://s3.example",
            ["DataMover:Repositories:one:S3:Bucket"] = "backups",
            ["DataMover:Repositories:one:S3:Prefix"] = "ovd",
            ["DataMover:Repositories:one:S3:CacheDirectory"] = "/tmp/cache",
            ["DataMover:Repositories:two:S3:Endpoint"] = "https://s3.example/",
            ["DataMover:Repositories:two:S3:Bucket"] = "backups",
            ["DataMover:Repositories:two:S3:Prefix"] = "ovd/two/",
            ["DataMover:Repositories:two:S3:CacheDirectory"] = "/tmp/cache",
        }));

        foreach (var part in new[]
        {
            "both:Path '/tmp/a' and DataMover:Repositories:both:S3 are both set", "both:S3:Bucket 'b1'", "both:S3:Endpoint ''", "one:S3:AccessKeyFile",
            "two:S3:Prefix 'https://s3.example/backups/ovd/two/' is the place of 'one'", "two:S3:CacheDirectory '/tmp/cache/' is the place of 'one'",
        })
        {
            Assert.Contains(part, failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Rewriting:PercentPerBackup", "101")]
    [InlineData("Rewriting:MinimumMiBPerBackup", "-1")]
    [InlineData("GarbageCollection:MergeBelowPercent", "51")]
    public void MaintenanceOutOfRange_IsNamed(string setting, string value)
    {
        var failure = Assert.Throws<OperatorException>(() => Build(new()
        {
            ["DataMover:Repositories:main:Path"] = "/tmp/a",
            [$"DataMover:Repositories:main:{setting}"] = value,
        }));

        Assert.Contains($"DataMover:Repositories:main:{setting} '{value}' is out of range", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NoRepository_IsRefused()
    {
        var failure = Assert.Throws<OperatorException>(() => Build([]));

        Assert.Contains("DataMover:Repositories is empty", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ValueOfTheWrongType_IsNamed()
    {
        var failure = Assert.Throws<OperatorException>(() => Build(new()
        {
            ["DataMover:Repositories:main:Path"] = "/tmp/a",
            ["DataMover:Limits:MaxSessions"] = "many",
        }));

        Assert.Contains("DataMover:Limits:MaxSessions", failure.Message, StringComparison.Ordinal);
        Assert.Contains("many", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokenRepositories_DoNotStopTheOthers()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("a-file"), "not a directory", Cancel);
        Directory.CreateDirectory(directory.File("damaged"));
        await File.WriteAllTextAsync(directory.File("damaged/repo.json"), "{ this is not a repository", Cancel);
        await using var site = await MoverSite.StartAsync(new Dictionary<string, string?>
        {
            ["DataMover:Repositories:a-file:Path"] = directory.File("a-file"),
            ["DataMover:Repositories:damaged:Path"] = directory.File("damaged"),
            ["DataMover:Repositories:absent:Path"] = directory.File("absent"),
        });
        var created = await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var again = await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

        var status = await site.Control.GetStatusAsync(new GetStatusRequest(), cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var states = status.Repositories.ToDictionary(repository => repository.Name);
        var failure = await Assert.ThrowsAsync<RpcException>(() => site.Control.CommitAsync(
            new CommitRequest { Repository = "damaged" }, cancellationToken: Cancel).ResponseAsync);

        Assert.True(created.Created);
        Assert.False(again.Created);
        Assert.Equal(created.Parameters, again.Parameters);
        Assert.Equal(RepositoryState.Ready, states["main"].State);
        Assert.Equal(created.Parameters.RepositoryId, states["main"].RepositoryId);
        Assert.Equal(RepositoryState.Failed, states["a-file"].State);
        Assert.Contains("is a file", states["a-file"].Problem, StringComparison.Ordinal);
        Assert.Equal(RepositoryState.Failed, states["damaged"].State);
        Assert.Contains("repo.json", states["damaged"].Problem, StringComparison.Ordinal);
        Assert.Equal(RepositoryState.NotCreated, states["absent"].State);
        Assert.False(Directory.Exists(directory.File("absent")));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Contains("repo.json", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownRepository_IsAnsweredWithTheKnownOnes()
    {
        using var directory = new TemporaryDirectory();
        await using var site = await MoverSite.StartAsync(new Dictionary<string, string?>
        {
            ["DataMover:Repositories:second:Path"] = directory.File("second"),
        });

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.Control.FenceAsync(
            new FenceRequest { Repository = "mian", TaskId = "t", FencingToken = 1 }, cancellationToken: Cancel).ResponseAsync);

        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
        Assert.Equal("unknown-repository", FailureStatus.ReasonOf(failure));
        Assert.Contains("'mian'", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("main, second", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RepositoryNotCreated_SaysWhatToDo()
    {
        await using var site = await MoverSite.StartAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.OpenAsync(MoverScript.Order(new byte[1])));

        Assert.Equal("not-created", FailureStatus.ReasonOf(failure));
        Assert.Contains("ovd repository add", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreatingInADirectoryWithOtherFiles_IsRefused()
    {
        await using var site = await MoverSite.StartAsync();
        Directory.CreateDirectory(site.RepositoryPath);
        var photo = Path.Combine(site.RepositoryPath, "holiday.jpg");
        await File.WriteAllTextAsync(photo, "precious", Cancel);

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.Control.CreateRepositoryAsync(
            new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync);

        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
        Assert.Contains("holiday.jpg", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(photo, Cancel));
    }

    [Fact]
    public async Task CreatingWithAnotherChunkSize_IsRefused()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.Control.CreateRepositoryAsync(
            new CreateRepositoryRequest { Name = MoverSite.Main, ChunkAverageBytes = 262_144 }, cancellationToken: Cancel).ResponseAsync);
        var odd = await Assert.ThrowsAsync<RpcException>(() => site.Control.CreateRepositoryAsync(
            new CreateRepositoryRequest { Name = MoverSite.Main, ChunkAverageBytes = 100_000 }, cancellationToken: Cancel).ResponseAsync);

        Assert.Equal(StatusCode.AlreadyExists, failure.StatusCode);
        Assert.Contains("131072", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(StatusCode.InvalidArgument, odd.StatusCode);
        Assert.Contains("100000", odd.Status.Detail, StringComparison.Ordinal);
    }

    private static void Build(Dictionary<string, string?> settings)
    {
        using var directory = new TemporaryDirectory();
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = directory.Path });
        builder.Configuration.AddInMemoryCollection(settings);
        using var application = (IDisposable)DataMoverHost.Build(builder);
    }
}
