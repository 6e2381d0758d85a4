// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Backups and restores over disks that are attached to the worker's own VM, as real block devices; each proof is a comparison byte by byte.</summary>
public sealed class DiskAttachmentBackupTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Mode = "disk-attachment";

    [Fact]
    public async Task BackupOfARunningVm_RestoresOverDevicesAndOverTransfers()
    {
        await using var site = await StartAsync([Stopped("golden", Disk(96), Disk(48, "iscsi1")), Running("db", Disk(32))]);
        await site.AddThinVmAsync("web");
        var vm = await site.VmAsync("web");
        var reference = await site.SaveReferenceAsync("web");

        var first = await site.SucceedsAsync((await StartBackupAsync(site, "web")).Single());
        Assert.Equal((Mode, "full", "device"), (first.TransportMode, first.Mode, first.Progress.Route));
        await site.RestoresToAsync(first, reference);
        await site.RestoresToAsync(first, reference, request => request.TransportMode = Mode);

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 65536);
        var later = await site.SaveReferenceAsync("web");
        var other = await site.SaveReferenceAsync("db");
        var both = await StartBackupAsync(site, "web", "db");
        var second = await site.SucceedsAsync(both[0]);
        Assert.InRange(second.Progress.StoredBytes, 1, 4 * MiB);
        await site.RestoresToAsync(second, later, request => request.TransportMode = Mode);
        await site.RestoresToAsync(await site.SucceedsAsync(both[1]), other);
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    /// <summary>With one worker, which takes two tasks at a time.</summary>
    private Task<TestSite> StartAsync(Simulator.VmModel[] vms) => TestSite.StartAsync(
        servers, OneCluster([.. vms, Running("agent1", Disk(16))]), output, options => options with { WorkersPerCluster = 1, SlotsPerWorker = 2, WorkerVms = ["agent1"] });

    private static async Task<IReadOnlyList<Job>> StartBackupAsync(TestSite site, params string[] vms)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { vms }, Repository = LabSite.RepositoryName, TransportMode = Mode, RequestId = Guid.NewGuid().ToString() });
        return [.. vms.Select(vm => reply.Jobs.Single(job => job.VmName == vm))];
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, int length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
