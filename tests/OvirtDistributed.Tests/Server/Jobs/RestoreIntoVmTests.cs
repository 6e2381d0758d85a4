// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Restores that do not make a VM: one disk for a VM that is there, and the disks of a point in the place of a VM's own.</summary>
[Collection(PostgresTests.Name)]
public sealed class RestoreIntoVmTests(PostgresServer postgres)
{
    [Theory]
    [InlineData("down", false, true)]
    [InlineData("up", false, false)]
    [InlineData("up", true, true)]
    public async Task DiskToAVm_IsAttachedAndPluggedOnlyWhereAsked(string status, bool activate, bool active)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var target = site.AddVm("target", status: status);
        await site.ReadInventoryAsync();

        var job = await site.RunToEndAsync(await DiskAsync(site, point, activate)).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        var log = (await site.Get<JobQueries>().ListLogAsync(job.Id, TestSite.Token)).Select(line => line.Message).ToList();
        Assert.Contains("creating-vm skipped: the VM is there already", log);
        Assert.Contains("restoring-settings skipped: only a new VM gets the settings of the restore point", log);
        Assert.Contains("copying → completing-vm", log);
        Assert.Contains("completing-vm → finishing", log);
        var restored = site.Engine.Vms[target.Id].Disks.Single(disk => disk.Id == Assert.Single(job.Tasks).TargetDiskId);
        Assert.Equal(("vm_disk2", active), (restored.Alias, restored.Active));
        Assert.DoesNotContain("ovd instance", site.Engine.Disks[restored.Id].Description, StringComparison.Ordinal);
        Assert.Contains(site.Engine.Vms[target.Id].Disks, disk => disk.Id == target.Disks[0].Id);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task DiskToAVmThatHasOneOfItsName_GetsANameOfItsOwnAndSaysSo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var request = new RestoreRequest { Point = point[..8], Scope = RestoreScope.Disk, Disk = "vm_disk2", Vm = "vm" };
        await site.ReadInventoryAsync();

        var plan = (await site.Get<RestorePreview>().PlanAsync(request, TestSite.Token)).Plan;
        var first = await site.RunToEndAsync(await AdmitAsync(site, request)).WithinDeadline();
        await site.ReadInventoryAsync();
        var second = await site.RunToEndAsync(await AdmitAsync(site, request)).WithinDeadline();

        const string Note = "VM vm has a disk named vm_disk2 already: the new one is named vm_disk2_restored";
        Assert.Contains(Note, plan.Notes);
        Assert.Contains(Note, first.Notes);
        Assert.Equal(("vm_disk2_restored", "vm_disk2_restored2"), (Assert.Single(first.Tasks).DiskAlias, Assert.Single(second.Tasks).DiskAlias));
        Assert.Equal(["vm_disk1", "vm_disk2", "vm_disk2_restored", "vm_disk2_restored2"], Vm(site).Disks.Select(disk => disk.Alias).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(nameof(FaultMoment.Before))]
    [InlineData(nameof(FaultMoment.After))]
    public async Task DiskCannotBeAttached_NothingOfItStaysAndTheVmIsAsItWas(string moment)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var target = site.AddVm("target", status: "up");
        await site.ReadInventoryAsync();
        site.Engine.Arm("AttachDisk", Enum.Parse<FaultMoment>(moment), EngineFailure.Refused);

        var job = await site.RunToEndAsync(await DiskAsync(site, point, activate: true)).WithinDeadline();

        Assert.Equal((1, JobOutcome.Failed), (site.Engine.FaultsFired, job.Outcome));
        Assert.Equal(target.Disks.Select(disk => disk.Id), site.Engine.Vms[target.Id].Disks.Select(disk => disk.Id));
        Assert.Empty(site.Engine.Disks);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task OverTheOriginal_SafetyPointThenNewDisksThenTheOldAreDeleted()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var vm = Vm(site);
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks, site.NewDisk("added-later")] };

        var (job, safety) = await OverwriteAsync(site, Request(point) with { Start = true });

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal(JobOutcome.Succeeded, safety!.Outcome);
        Assert.Equal(3, safety.Tasks.Count);
        Assert.True(safety.Backup!.DropSnapshot);
        Assert.Contains(job.Notes, note => note.Contains(safety.PointId!, StringComparison.Ordinal));
        Assert.Contains(job.Notes, note => note.Contains("added-later", StringComparison.Ordinal));
        var now = Vm(site);
        Assert.Equal((vm.Id, "up"), (now.Id, now.Status));
        Assert.Equal(["added-later", "vm_disk1", "vm_disk2"], now.Disks.Select(disk => disk.Alias).Order());
        Assert.Empty(now.Disks.IntersectBy(vm.Disks.Select(disk => disk.Id), disk => disk.Id));
        Assert.True(now.Disks.Single(disk => disk.Alias == "vm_disk1").Bootable);
        Assert.Equal(job.Tasks.Select(task => task.TargetDiskId!.Value).Order(), site.Engine.Disks.Keys.Order());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Theory]
    [InlineData("up", "cbt", "crash")]
    [InlineData("up", "image-transfer", "crash")]
    [InlineData("down", "cbt", "powered-off")]
    [InlineData("down", "image-transfer", "powered-off")]
    public async Task SafetyPoint_IsCrashConsistentWhereTheRestoreCutTheGuestOff(string status, string mode, string expected)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.Engine.Vms[Vm(site).Id] = Vm(site) with { Status = status, Disks = [.. Vm(site).Disks.Select(disk => disk with { IncrementalEnabled = mode == "cbt" })] };
        site.Engine.Inventory = site.Engine.Inventory with { Clusters = [site.Engine.Inventory.Clusters[0] with { LevelMinor = mode == "cbt" ? 7 : 4 }] };
        await site.ReadInventoryAsync();

        var (job, safety) = await OverwriteAsync(site, Request(point) with { PowerOff = true });

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal((mode, expected), (safety!.Backup!.TransportMode, safety.Backup.Consistency));
        Assert.Empty(site.Engine.Checkpoints.GetValueOrDefault(Vm(site).Id, []));
        await using var context = site.Database();
        Assert.DoesNotContain(context.RestorePoints, row => row.CheckpointId != null);
        Assert.Equal(expected, context.RestorePoints.Single(row => row.Id == safety.PointId).Consistency);
        var manifest = site.Mover.Read(site.Mover.PointsByJob[safety.Id]);
        Assert.Equal(expected == "crash", manifest.ConsistencyDetail?.Contains("powered off hard", StringComparison.Ordinal) ?? false);
        Assert.Equal(expected == "crash", job.Notes.Any(note => note.Contains("crash-consistent", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task OverTheOriginalASecondTime_FindsTheDisksByTheirNames()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        await OverwriteAsync(site, Request(point) with { SafetyPoint = false });
        await site.ReadInventoryAsync();

        var (job, safety) = await OverwriteAsync(site, Request(point) with { SafetyPoint = false });

        Assert.Null(safety);
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Contains(job.Notes, note => note.Contains("no safety point", StringComparison.Ordinal));
        Assert.Equal(["vm_disk1", "vm_disk2"], Vm(site).Disks.Select(disk => disk.Alias).Order());
        Assert.Equal(2, site.Engine.Disks.Count);
    }

    [Fact]
    public async Task WithoutASafetyPoint_IsMadeOnlyForWhoAcceptsTheLoss()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.Engine.Vms[Vm(site).Id] = Vm(site) with { Status = "up" };
        await site.ReadInventoryAsync();
        var request = Request(point) with { SafetyPoint = false, PowerOff = true, LossAccepted = false };

        const string Loss = "VM vm, which is up, loses its disks (vm_disk1, vm_disk2) to those of the restore point, and no safety point is made";
        var refused = await Assert.ThrowsAsync<OperatorException>(() => AdmitAsync(site, request));
        Assert.Equal((FailureKind.WrongState, RestoreLoss.Reason), (refused.Kind, refused.Reason));
        Assert.StartsWith(Loss, refused.Message, StringComparison.Ordinal);
        var digest = (await site.Get<RestorePreview>().PlanAsync(request, TestSite.Token)).Digest;
        refused = await Assert.ThrowsAsync<OperatorException>(() => site.Get<RestorePreview>().ApplyAsync(digest, ofOneDisk: false, lossAccepted: false, "", TestSite.Token));
        Assert.StartsWith(Loss, refused.Message, StringComparison.Ordinal);

        var accepted = await AdmitAsync(site, request with { RequestId = "once", LossAccepted = true });
        Assert.Equal(accepted, await AdmitAsync(site, request with { RequestId = "once" }));
        await using (var jobs = site.Database())
        {
            await jobs.Jobs.Where(job => job.Id == accepted).ExecuteDeleteAsync(TestSite.Token);
        }

        await AdmitAsync(site, request with { SafetyPoint = true });
        await using var context = site.Database();
        await context.Jobs.Where(job => job.Kind == JobKind.Restore).ExecuteDeleteAsync(TestSite.Token);
        Assert.NotEqual(Guid.Empty, await site.Get<RestorePreview>().ApplyAsync(digest, ofOneDisk: false, lossAccepted: true, "", TestSite.Token));
    }

    [Fact]
    public async Task SwitchFailsInItsMiddle_TheVmGetsItsOwnDisksBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var before = Vm(site);
        var id = await AdmitAsync(site, Request(point) with { SafetyPoint = false });
        await site.RunToAsync(id, JobState.SwitchingDisks).WithinDeadline();
        site.Engine.Arm("AttachDisk", FaultMoment.After, EngineFailure.Refused);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((1, JobOutcome.Failed), (site.Engine.FaultsFired, job.Outcome));
        Assert.Equal(Slots(before), Slots(Vm(site)));
        Assert.Empty(site.Engine.Disks.Keys.Except(before.Disks.Select(disk => disk.Id)));
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task RestoredDiskCannotBeDetachedAgain_TheVmStillGetsItsOwnDisksBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var before = Vm(site);
        var id = await AdmitAsync(site, Request(point) with { SafetyPoint = false });
        await site.RunToAsync(id, JobState.SwitchingDisks).WithinDeadline();
        site.Engine.Arm("AttachDisk", FaultMoment.After, EngineFailure.Refused);
        await site.RunToAsync(id, JobState.PuttingBack).WithinDeadline();
        site.Engine.Arm("DetachDisk", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((2, JobOutcome.Failed), (site.Engine.FaultsFired, job.Outcome));
        Assert.Equal(Slots(before), Slots(Vm(site)));
        Assert.Empty(site.Engine.Disks.Keys.Except(before.Disks.Select(disk => disk.Id)));
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task BackupWhileTheDisksAreExchanged_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var id = await AdmitAsync(site, Request(point) with { SafetyPoint = false });
        await site.RunToAsync(id, JobState.SwitchingDisks).WithinDeadline();

        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(Vm(site).Name));

        Assert.Contains($"{id}", refused.Message, StringComparison.Ordinal);
        Assert.Equal(JobOutcome.Succeeded, (await site.RunToEndAsync(id).WithinDeadline()).Outcome);
        await site.BackUpAsync(Vm(site).Name);
    }

    [Fact]
    public async Task VmIsStartedBeforeTheSwitch_ItKeepsItsDisks()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var before = Vm(site);
        var id = await AdmitAsync(site, Request(point) with { SafetyPoint = false });
        await site.RunToAsync(id, JobState.SwitchingDisks).WithinDeadline();
        site.Engine.Vms[before.Id] = before with { Status = "up" };

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("was started", job.Message, StringComparison.Ordinal);
        Assert.Equal(Slots(before), Slots(Vm(site)));
        Assert.DoesNotContain("DetachDiskAsync", site.Engine.Calls);
        Assert.Empty(site.Engine.Disks);
    }

    [Fact]
    public async Task SafetyPointFails_NothingIsDoneAndAVmThatRanRunsAgain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.Engine.Vms[Vm(site).Id] = Vm(site) with { Status = "up" };
        await site.ReadInventoryAsync();
        var id = await AdmitAsync(site, Request(point) with { PowerOff = true });
        await site.DriveAsync(id, JobState.SecuringVm);
        await site.StepAsync(id);
        var safetyId = (await site.JobAsync(id)).Restore!.SafetyJobId!.Value;
        site.Engine.Arm("StartBackup", FaultMoment.Before, EngineFailure.Refused);
        await site.RunToEndAsync(safetyId).WithinDeadline();

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((1, JobOutcome.Failed), (site.Engine.FaultsFired, job.Outcome));
        Assert.Contains("--no-safety-point", job.Message, StringComparison.Ordinal);
        Assert.Empty(job.Tasks);
        Assert.Equal("powering_up", site.Engine.Vms[job.VmId].Status);
        Assert.Contains(job.Notes, note => note.Contains("started again", StringComparison.Ordinal));
    }

    [Fact]
    public async Task OldDiskCannotBeDeleted_TheRestoreIsGoodAndSaysSo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var before = Vm(site);
        var id = await AdmitAsync(site, Request(point) with { SafetyPoint = false });
        await site.RunToAsync(id, JobState.StartingVm).WithinDeadline();
        site.Engine.Arm("DeleteDisk", FaultMoment.Before, EngineFailure.Refused);
        site.Engine.Arm("DeleteDisk", FaultMoment.Before, EngineFailure.Refused);
        site.Engine.Arm("DeleteDisk", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains(before.Disks[0].Id.ToString(), job.Message, StringComparison.Ordinal);
        Assert.Empty(Vm(site).Disks.IntersectBy(before.Disks.Select(disk => disk.Id), disk => disk.Id));
    }

    [Fact]
    public async Task WhatCannotBeOverwritten_IsSaidAtOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var vm = Vm(site);

        site.Engine.Vms[vm.Id] = vm with { Status = "up" };
        await RefusedAsync(site, Request(point), "is up: shut it down first, or have it powered off with --power-off");
        site.Engine.Vms[vm.Id] = vm;
        site.Engine.TakeSnapshot(vm.Id, "somebody's");
        await RefusedAsync(site, Request(point), "1 snapshot(s)");
        await RefusedAsync(site, Request(point) with { Name = "other" }, "name 'other' cannot be used");
        await RefusedAsync(site, Request(point) with { Nics = NicChoice.KeepMac }, "nics 'KeepMac' cannot be used");
        await RefusedAsync(site, Request(point) with { Scope = RestoreScope.NewVm, Name = "other", PowerOff = true }, "power_off 'true' cannot be used");
        site.Engine.Snapshots.Clear();
        site.Engine.TakeSnapshot(vm.Id, EngineMarker.Of(site.InstanceId, site.RepositoryId, Guid.NewGuid()));
        await RefusedAsync(site, Request(point) with { SafetyPoint = false }, "1 snapshot(s)");
        await AdmitAsync(site, Request(point));
        await RefusedAsync(site, Request(point), "is restoring to VM vm already");
    }

    private static async Task RefusedAsync(TestSite site, RestoreRequest request, string message)
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => AdmitAsync(site, request));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    private static RestoreRequest Request(string point) => new() { Point = point[..8], Scope = RestoreScope.Overwrite, LossAccepted = true };

    private static Task<Guid> AdmitAsync(TestSite site, RestoreRequest request) => site.Get<RestoreAdmission>().AdmitAsync(request, TestSite.Token);

    private static Task<Guid> DiskAsync(TestSite site, string point, bool activate) => AdmitAsync(
        site, new RestoreRequest { Point = point[..8], Scope = RestoreScope.Disk, Disk = "vm_disk2", Vm = "target", Activate = activate });

    /// <summary>Runs the restore and the backup it asks for to their ends.</summary>
    private static async Task<(Job Job, Job? Safety)> OverwriteAsync(TestSite site, RestoreRequest request)
    {
        var id = await AdmitAsync(site, request);
        if (!request.SafetyPoint)
        {
            return (await site.RunToEndAsync(id).WithinDeadline(), null);
        }

        await site.DriveAsync(id, JobState.SecuringVm);
        await site.StepAsync(id);
        var safety = await site.RunToEndAsync((await site.JobAsync(id)).Restore!.SafetyJobId!.Value).WithinDeadline();
        return (await site.RunToEndAsync(id).WithinDeadline(), safety);
    }

    private static EngineVm Vm(TestSite site) => site.Engine.Vms.Values.Single(vm => vm.Name == "vm");

    private static List<(Guid, string, bool, bool)> Slots(EngineVm vm) =>
        [.. vm.Disks.Select(disk => (disk.Id, disk.Interface, disk.Bootable, disk.Active)).OrderBy(slot => slot.Id)];

    /// <summary>Of a VM with two disks; it boots from the first.</summary>
    private static async Task<string> BackedUpAsync(TestSite site)
    {
        var vm = site.AddVm("vm", disks: 2);
        site.Engine.Vms[vm.Id] = vm with { Disks = [vm.Disks[0] with { Bootable = true, Interface = "virtio" }, vm.Disks[1]] };
        return (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
    }
}
