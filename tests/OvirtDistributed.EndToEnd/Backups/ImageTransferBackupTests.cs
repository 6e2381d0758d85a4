// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Backups through a snapshot and the download of its layers; each proof is a restore compared byte by byte.</summary>
public sealed class ImageTransferBackupTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task FullThenIncrementals_OnlyWhatTheLayerHoldsIsReadAndEveryPointRestores()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("golden", Disk(96), Disk(48, "iscsi1"))), output);
        await site.AddThinVmAsync("web");
        var vm = await site.VmAsync("web");
        var first = await site.SaveReferenceAsync("web");
        var full = await BackUpAsync(site);

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 3 * 65536);
        await WriteAsync(site, vm.DiskIds[1], 20 * MiB, 65536);
        await site.Engine.GuestTrimAsync(vm.DiskIds[0], 40 * MiB, 8 * MiB, CancellationToken.None).WithinDeadline();
        var second = await site.SaveReferenceAsync("web");
        var incremental = await BackUpAsync(site);

        await WriteAsync(site, vm.DiskIds[0], 60 * MiB, 65536);
        var third = await site.SaveReferenceAsync("web");
        var last = await BackUpAsync(site);

        Assert.Equal(("image-transfer", "full"), (full.TransportMode, full.Mode));
        Assert.Equal(("image-transfer", "incremental"), (incremental.TransportMode, incremental.Mode));
        Assert.InRange(incremental.Progress.ReadBytes, 4 * 65536, 2 * MiB);
        Assert.InRange(last.Progress.ReadBytes, 65536, MiB);
        await site.RestoresToAsync(full, first);
        await site.RestoresToAsync(incremental, second);
        await site.RestoresToAsync(last, third);
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    [Fact]
    public async Task ServerKilledWhileTheSnapshotIsTaken_JobFinishesWithOneSnapshot()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("db", Disk(64, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("db");
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(400));
        var job = await StartAsync(site, "db");
        _ = await site.CopyingAsync(job);

        await site.Lab.Server.KillAsync();
        await site.Lab.Server.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        await site.RestoresToAsync(await site.SucceedsAsync(job), reference);
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    private static async Task<Job> BackUpAsync(TestSite site, string vm = "web") => await site.SucceedsAsync(await StartAsync(site, vm));

    private static async Task<Job> StartAsync(TestSite site, string vm = "web", bool drop = false)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(new RunBackupRequest
        {
            Vms = { vm },
            Repository = LabSite.RepositoryName,
            TransportMode = "image-transfer",
            DropSnapshot = drop,
            RequestId = Guid.NewGuid().ToString(),
        });
        return reply.Jobs.Single();
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, int length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
