// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>What <c>ovd plan backup</c> answers, and that it changes nothing; and the switch for tracking of changes.</summary>
[Collection(PostgresTests.Name)]
public sealed class BackupPreviewTests(PostgresServer postgres)
{
    [Fact]
    public async Task Incremental_NamesItsBaseAndEveryCall()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);
        var full = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        site.Engine.Calls.Clear();

        var plan = Assert.Single(await PlanAsync(site, vm));

        Assert.Equal(("", TransportModes.Cbt, true), (plan.Refusal, plan.Request.TransportMode, plan.Plan!.Incremental));
        Assert.Equal(full.PointId, plan.Plan.BasePoint!.Id);
        Assert.Equal(7, plan.Calls.Count);
        Assert.Contains(site.Engine.Checkpoints[vm.Id][0].Id.ToString("D"), plan.Calls[0], StringComparison.Ordinal);
        Assert.StartsWith("DELETE", plan.Calls[^1], StringComparison.Ordinal);
        Assert.All(site.Engine.Calls, call => Assert.Matches("^(Find|List|Read)", call));

        // What it says is what the backup does.
        var backup = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        Assert.Equal(full.PointId, backup.Backup!.BasePointId);
    }

    [Fact]
    public async Task AnotherModeThanLastTime_NamesWhatIsDeletedOfTheLastOne()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        _ = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var checkpoint = Assert.Single(site.Engine.Checkpoints[vm.Id]);

        var snapshots = Assert.Single(await PlanAsync(site, vm, TransportModes.ImageTransfer));
        Assert.Equal($"DELETE vms/{vm.Id}/checkpoints/{checkpoint.Id}", snapshots.Calls[^1]);

        _ = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer)).WithinDeadline();
        Assert.Empty(site.Engine.Checkpoints[vm.Id]);
        var snapshot = Assert.Single(site.Engine.Snapshots[vm.Id]);
        var back = Assert.Single(await PlanAsync(site, vm));
        Assert.Equal($"DELETE vms/{vm.Id}/snapshots/{snapshot.Id}", back.Calls[^1]);
    }

    [Fact]
    public async Task VmOfATemplate_FullReadsAtMostTheWholeDiskAndAnIncrementalItsOwnLayers()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm") with { FromTemplate = true };
        vm = vm with { Disks = [vm.Disks[0] with { ActualBytes = 4096 }] };
        site.Engine.Vms[vm.Id] = vm;

        Assert.Equal(vm.Disks[0].SizeBytes, Assert.Single(await PlanAsync(site, vm)).ReadBytesAtMost);
        _ = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        Assert.Equal(4096, Assert.Single(await PlanAsync(site, vm)).ReadBytesAtMost);
    }

    [Fact]
    public async Task RawDiskBesideATrackedOne_IsFullInPlanAndJob()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);
        site.Engine.Vms[vm.Id] = vm with { Disks = [vm.Disks[0], vm.Disks[1] with { Format = "raw", IncrementalEnabled = false }] };
        _ = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        var plan = Assert.Single(await PlanAsync(site, vm));
        var disks = BackupPlanMessages.ToWire(plan).Disks;
        Assert.Equal([("incremental", ""), ("full", "a raw disk is read in full each time: the manager tracks changes of cow disks only")], disks.Select(disk => (disk.Mode, disk.Reason)));
        Assert.Contains("(vm_disk1, vm_disk2 in full from checkpoint ", plan.Calls[0], StringComparison.Ordinal);

        var backup = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        Assert.Equal(disks.Select(disk => (disk.Alias, disk.Mode, disk.Reason)), backup.Tasks.OrderBy(task => task.DiskAlias)
            .Select(task => (task.DiskAlias, task.Incremental ? "incremental" : "full", task.ModeReason)));
    }

    [Fact]
    public async Task RawDiskThatBecameCow_IsReadInFullOnceMore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);
        site.Engine.Vms[vm.Id] = vm with { Disks = [vm.Disks[0], vm.Disks[1] with { Format = "raw", IncrementalEnabled = false }] };
        _ = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        site.Engine.Vms[vm.Id] = vm;

        var disks = BackupPlanMessages.ToWire(Assert.Single(await PlanAsync(site, vm))).Disks;

        Assert.Equal(["incremental", "full"], disks.Select(disk => disk.Mode));
        Assert.Contains("was raw at the last backup", disks[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModeThatCannotWork_ComesWithTheReason()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");

        var plan = Assert.Single(await PlanAsync(site, vm, TransportModes.DiskAttachment));

        Assert.Contains("needs a worker", plan.Refusal, StringComparison.Ordinal);
        Assert.Null(plan.Plan);
    }

    [Fact]
    public async Task LiveBackupOnBlockStorage_NamesItsScratchSpace()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.Vms[vm.Id] = vm with { Disks = [vm.Disks[0] with { SizeBytes = 100L << 30, StorageDomainId = site.BlockDomainId }] };

        Assert.Equal(20L << 30, Assert.Single(await PlanAsync(site, vm)).ScratchBytes);
        Assert.Equal(0, Assert.Single(await PlanAsync(site, vm, TransportModes.ImageTransfer)).ScratchBytes);
    }

    [Fact]
    public async Task EnableCbt_EnablesWhatCanBeAndNamesTheRest()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 3);
        site.Engine.Vms[vm.Id] = vm with
        {
            Disks = [vm.Disks[0], vm.Disks[1] with { IncrementalEnabled = false }, vm.Disks[2] with { IncrementalEnabled = false, Format = "raw" }],
        };
        await site.ReadInventoryAsync();

        var changes = await site.Get<CbtSwitch>().EnableAsync("vm", "", [], TestSite.Token);

        Assert.Equal([true, true, false], changes.Select(change => change.Enabled));
        Assert.Contains("convert it to cow", changes[2].Note, StringComparison.Ordinal);
        Assert.Equal([true, true, false], site.Engine.Vms[vm.Id].Disks.Select(disk => disk.IncrementalEnabled));
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<CbtSwitch>().EnableAsync("vm", "", ["vm_disk3"], TestSite.Token));
        Assert.Contains("disks 'vm_disk3'", refused.Message, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<CbtSwitch>().EnableAsync("vm", "", ["nope"], TestSite.Token));
        Assert.Contains("it has vm_disk1, vm_disk2, vm_disk3", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<IReadOnlyList<PreviewedBackup>> PlanAsync(TestSite site, EngineVm vm, string mode = TransportModes.Auto)
    {
        await site.ReadInventoryAsync();
        return (await site.Get<BackupPreview>().PlanAsync(new BackupRequest(VmSelection.Of(vm.Name), "", "", false, "", "") { TransportMode = mode }, TestSite.Token)).Plans;
    }
}
