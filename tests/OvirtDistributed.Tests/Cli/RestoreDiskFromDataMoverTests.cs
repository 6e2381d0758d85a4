// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Tests.Cli.Fakes;
using OvirtDistributed.Tests.DataMover;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli;

/// <summary>The same against a real Data Mover with mutual TLS over a real repository.</summary>
public sealed class RestoreDiskFromDataMoverTests : IDisposable
{
    private const int DiskBytes = (40 << 20) + 12_288;

    private readonly TemporaryDirectory _directory = new();

    private string Target => _directory.File("disk.raw");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Disk_IsTheOneThatWasBackedUp()
    {
        await using var site = await StartAsync();
        var disk = MoverScript.MakeDisk(seed: 11, DiskBytes);
        var root = await BackUpAsync(site, disk);

        var run = await RestoreAsync(site, root, "point-1");

        Assert.Equal("", run.Error);
        Assert.Equal((int)ExitCode.Ok, run.ExitCode);
        var written = await File.ReadAllBytesAsync(Target, TestContext.Current.CancellationToken);
        Assert.True(disk.AsSpan().SequenceEqual(written));
    }

    [Fact]
    public async Task PointIsGone_Is3()
    {
        await using var site = await StartAsync();
        var root = await BackUpAsync(site, MoverScript.MakeDisk(seed: 12, 2 << 20));

        var run = await RestoreAsync(site, root, "point-2");

        Assert.Equal((int)ExitCode.NotFound, run.ExitCode);
        Assert.Contains("point-2", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Target));
    }

    [Fact]
    public async Task PackIsDamagedOnDisk_Is8AndLeavesNothing()
    {
        await using var site = await StartAsync();
        var root = await BackUpAsync(site, MoverScript.MakeDisk(seed: 13, DiskBytes));
        var pack = new DirectoryInfo(site.RepositoryPath).EnumerateFiles("*", SearchOption.AllDirectories).MaxBy(file => file.Length)!;
        using (var file = pack.Open(FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = pack.Length / 2;
            file.Write(new byte[4096]);
        }

        var run = await RestoreAsync(site, root, "point-1");

        Assert.Equal((int)ExitCode.DataDamaged, run.ExitCode);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(Target));
        Assert.Empty(Directory.GetFiles(_directory.Path, ".*"));
    }

    private Task<MoverSite> StartAsync() => MoverSite.StartAsync(_directory, ownsDirectory: false);

    private static async Task<DiskRoot> BackUpAsync(MoverSite site, byte[] disk)
    {
        await site.Control.CreateRepositoryAsync(
            new Contracts.Mover.V1.CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: TestContext.Current.CancellationToken).ResponseAsync.WithinDeadline();
        var root = await site.BackUpAsync(disk);
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));
        return root;
    }

    private async Task<CliRun> RestoreAsync(MoverSite site, DiskRoot root, string point)
    {
        var installation = new FakeInstallation
        {
            Location = new LocateDiskResponse
            {
                MoverAddress = site.Address.ToString(),
                MoverRepository = MoverSite.Main,
                PointId = point,
                Disk = new PointDisk { Id = MoverScript.DiskId, Alias = "root", SizeBytes = root.DiskSize },
                Root = new Contracts.Mover.V1.DiskRoot { Digest = ByteString.CopyFrom(root.Digest.ToArray()), Levels = root.Levels, SizeBytes = root.DiskSize },
            },
        };
        await using var server = await FakeBackupServer.StartAsync(installation);
        var tls = _directory.File("tls");
        return await CliRun.OvdAsync(
            server,
            "restore", "disk", point, "--to-file", Target,
            "--tls-cert", Path.Combine(tls, "service.pem"), "--tls-key", Path.Combine(tls, "service.key"), "--tls-ca", Path.Combine(tls, "ca.pem"));
    }
}
