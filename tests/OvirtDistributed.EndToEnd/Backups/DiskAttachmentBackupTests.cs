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
        await using var site = await StartAsync(Running("web", Disk(96), Disk(48, "iscsi1")), workers: 1);
        var vm = await site.VmAsync("web");
        var reference = await site.SaveReferenceAsync("web");

        var first = await site.SucceedsAsync(await StartBackupAsync(site));
        Assert.Equal((Mode, "full", "device"), (first.TransportMode, first.Mode, first.Progress.Route));
        await site.RestoresToAsync(first, reference);
        await site.RestoresToAsync(first, reference, request => request.TransportMode = Mode);

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 65536);
        var later = await site.SaveReferenceAsync("web");
        var second = await site.SucceedsAsync(await StartBackupAsync(site));
        Assert.InRange(second.Progress.StoredBytes, 1, 4 * MiB);
        await site.RestoresToAsync(second, later, request => request.TransportMode = Mode);
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    private Task<TestSite> StartAsync(Simulator.VmModel vm, int workers)
    {
        var agents = Enumerable.Range(1, workers).Select(number => $"agent{number}").ToArray();
        Simulator.VmModel[] vms = [vm, .. agents.Select(name => Running(name, Disk(16)))];
        return TestSite.StartAsync(
            servers, OneCluster(vms), output, options => options with { WorkersPerCluster = workers, SlotsPerWorker = 1, WorkerVms = agents });
    }

    private static async Task<Job> StartBackupAsync(TestSite site)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "web" }, Repository = LabSite.RepositoryName, TransportMode = Mode, RequestId = Guid.NewGuid().ToString() });
        return reply.Jobs.Single();
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, int length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
