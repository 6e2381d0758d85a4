// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Restores;

/// <summary>Restores into VMs that are there, written over devices of the worker's own VM: every byte compared, and the worker's VM asked what it still has.</summary>
public sealed class DeviceRestoreTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Mode = "disk-attachment";

    [Fact]
    public async Task OverTheOriginalAndOneDiskForAnotherVm_HoldThePointAndTheWorkerKeepsNothing()
    {
        await using var site = await TestSite.StartAsync(
            servers,
            OneCluster(Running("db", Disk(32), Disk(24, "iscsi1")), Running("rescue", Disk(16)), Running("agent1", Disk(16))),
            output,
            options => options with { WorkersPerCluster = 1, SlotsPerWorker = 2, WorkerVms = ["agent1"] });
        var (vm, rescue, worker) = (await site.VmAsync("db"), await site.VmAsync("rescue"), await site.VmAsync("agent1"));
        string[] names = [(await site.DiskAsync(vm.DiskIds[0])).Name, (await site.DiskAsync(vm.DiskIds[1])).Name];
        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.SucceedsAsync((await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "db" }, Repository = LabSite.RepositoryName, TransportMode = Mode }, cancellationToken: TestContext.Current.CancellationToken)).Jobs.Single());
        foreach (var disk in vm.DiskIds)
        {
            var data = new byte[4 * MiB];
            new Random(7).NextBytes(data);
            await site.Engine.GuestWriteAsync(disk, 1 * MiB, data, CancellationToken.None).WithinDeadline();
        }

        var over = await site.SucceedsAsync((await site.Lab.Admin.Jobs.RestoreVmAsync(
            new RestoreVmRequest { Point = backup.PointId, Overwrite = true, PowerOff = true, TransportMode = Mode }, cancellationToken: TestContext.Current.CancellationToken)).Job);
        var one = await site.SucceedsAsync((await site.Lab.Admin.Jobs.RestoreDiskAsync(
            new RestoreDiskRequest { Point = backup.PointId, Disk = vm.DiskIds[1].ToString(), Vm = "rescue", StorageDomain = "nfs1", TransportMode = Mode },
            cancellationToken: TestContext.Current.CancellationToken)).Job);

        Assert.Equal(("device", "device"), (over.Progress.Route, one.Progress.Route));
        await site.HoldsAsync("db", names, reference);
        var now = await site.VmAsync("db");
        Assert.Equal((vm.Id, "down"), (now.Id, now.Status));
        Assert.Empty(now.DiskIds.Intersect(vm.DiskIds));
        var added = Assert.Single((await site.VmAsync("rescue")).DiskIds.Except(rescue.DiskIds));
        Assert.Null(await ImageComparison.DifferenceAsync(site.Lab, added, reference[1], CancellationToken.None).WithinDeadline(TestSite.JobDeadline));

        // The two of the VM, the other VM's and its new one, the worker's own: the disks that were replaced are gone.
        Assert.Equal(5, (await site.Engine.DisksAsync(CancellationToken.None)).Count);
        Assert.Equal(worker.DiskIds, (await site.VmAsync("agent1")).DiskIds);
        await site.FinishAsync();
    }
}
