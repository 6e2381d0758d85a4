// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Validation;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Tests.Repository.S3;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>A Data Mover whose repository is in a bucket.</summary>
[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class BucketTests(CephFixture ceph) : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task DiskInABucket_ReadsBackAfterARestart()
    {
        var settings = await SettingsAsync();
        var disk = MoverScript.MakeDisk(seed: 1, (20 << 20) + 12_288);
        await using (var site = await MoverSite.StartAsync(settings))
        {
            var created = await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
            Assert.True(created.Created);
            var root = await site.BackUpAsync(disk);
            Assert.True((await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)))).Created);
        }

        Directory.Delete(_directory.File("cache"), recursive: true);
        await using var again = await MoverSite.StartAsync(settings);
        var status = await again.Control.GetStatusAsync(new GetStatusRequest(), cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        Assert.StartsWith("s3://", Assert.Single(status.Repositories).Location, StringComparison.Ordinal);
        var restored = await again.RestoreAsync();
        Assert.True(disk.AsSpan().SequenceEqual(restored));
    }

    [Fact]
    public async Task PrefixWithOtherObjects_IsNotTaken()
    {
        var options = await ceph.CreateBucketAsync();
        await using (var storage = await CephFixture.OpenAsync(options))
        {
            await storage.PutAsync("foreign", new byte[1], OvirtDistributed.Repository.Storage.StoragePutMode.CreateOnly, Cancel).WithinDeadline();
        }

        await using var site = await MoverSite.StartAsync(SettingsOf(options));
        var refusal = await Assert.ThrowsAsync<RpcException>(() =>
            site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline());
        Assert.Contains("ovd/foreign", refusal.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BucketThatIsNotThere_IsReportedAndStopsNothing()
    {
        await using var site = await MoverSite.StartAsync(SettingsOf(ceph.Options("not-there")));
        var status = await site.Control.GetStatusAsync(new GetStatusRequest(), cancellationToken: Cancel).ResponseAsync.WithinDeadline();
        var repository = Assert.Single(status.Repositories);
        Assert.Equal(RepositoryState.Failed, repository.State);
        Assert.Contains("bucket does not exist", repository.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ValidateStorage_OnABucket_PassesAndLeavesNothing(bool objectLock)
    {
        var options = await ceph.CreateBucketAsync(objectLock);
        string[] settings = ["--repository", MoverSite.Main, .. SettingsOf(options).Where(entry => entry.Value is not null).Select(entry => $"--{entry.Key}={entry.Value}")];
        using var output = new StringWriter();

        var code = await ValidateStorageCommand.RunAsync(settings, output, Cancel).WithinDeadline();

        TestContext.Current.TestOutputHelper!.WriteLine(output.ToString());
        Assert.True(code == 0, output.ToString());
        Assert.Contains("ok      create race", output.ToString(), StringComparison.Ordinal);
        Assert.Contains(objectLock ? "protection: supported" : "protection: not supported", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(PrivateCeph.SecretKey, output.ToString(), StringComparison.Ordinal);
        Assert.Empty(await CephFixture.KeysAsync(options));
    }

    private async Task<Dictionary<string, string?>> SettingsAsync() => SettingsOf(await ceph.CreateBucketAsync());

    private Dictionary<string, string?> SettingsOf(OvirtDistributed.Repository.S3.S3StorageOptions options) => new()
    {
        ["DataMover:Repositories:main:Path"] = null,
        ["DataMover:Repositories:main:S3:Endpoint"] = options.Endpoint,
        ["DataMover:Repositories:main:S3:Bucket"] = options.Bucket,
        ["DataMover:Repositories:main:S3:Prefix"] = options.Prefix,
        ["DataMover:Repositories:main:S3:AccessKey"] = options.AccessKey,
        ["DataMover:Repositories:main:S3:SecretKey"] = options.SecretKey,
        ["DataMover:Repositories:main:S3:CacheDirectory"] = _directory.File("cache"),
    };
}

public sealed class ValidateStorageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Directory_PassesAndIsLeftAsItWas()
    {
        using var directory = new TemporaryDirectory();
        await File.WriteAllTextAsync(directory.File("mine"), "x", Cancel);
        using var output = new StringWriter();

        var code = await ValidateStorageCommand.RunAsync(["--path", directory.Path], output, Cancel).WithinDeadline();

        Assert.True(code == 0, output.ToString());
        Assert.Contains("ok      flush latency: median ", output.ToString(), StringComparison.Ordinal);
        Assert.Equal([directory.File("mine")], Directory.EnumerateFileSystemEntries(directory.Path));
    }

    [Theory]
    [InlineData()]
    [InlineData("--path")]
    [InlineData("--path", "/no/such/directory")]
    [InlineData("--repository", "other", "--DataMover:Repositories:main:Path=/tmp")]
    public async Task WrongArguments_AreRefusedWithAdvice(params string[] args)
    {
        using var output = new StringWriter();
        var failure = await Assert.ThrowsAsync<OperatorException>(() => ValidateStorageCommand.RunAsync(args, output, Cancel));
        Assert.NotEmpty(failure.Message);
        Assert.Empty(output.ToString());
    }
}
