// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

[Collection(PostgresTests.Name)]
public sealed class RestoreJobTests(PostgresServer postgres)
{
    [Fact]
    public async Task Restore_MakesAVmWithItsDisksAndNoMarkOfOurs()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site, disks: 2);

        var job = await site.RunToEndAsync(await RestoreAsync(site, point, start: true)).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        var vm = site.Engine.Vms[job.Restore!.NewVmId!.Value];
        Assert.Equal(("restored", "up"), (vm.Name, vm.Status));
        Assert.Equal(job.Tasks.Select(task => task.TargetDiskId!.Value).Order(), vm.Disks.Select(disk => disk.Id).Order());
        Assert.DoesNotContain("ovd instance", vm.Description, StringComparison.Ordinal);
        Assert.All(vm.Disks, disk => Assert.DoesNotContain("ovd instance", site.Engine.Disks[disk.Id].Description, StringComparison.Ordinal));
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
        Assert.Single(site.Engine.Calls, call => call == "StartVmAsync");
    }

    [Fact]
    public async Task FailedAttempt_ItsDiskIsGoneAndANewOneIsMade()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await RestoreAsync(site, await BackedUpAsync(site));
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        await site.FailAsync(claim, "TargetFailed");

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.False(site.Engine.Disks.ContainsKey(order!.DiskId));
        Assert.Equal(Assert.Single(site.Engine.Disks).Key, Assert.Single(job.Tasks).TargetDiskId);
    }

    [Fact]
    public async Task OperatorTookADiskOver_FailedRestoreLeavesItAndSaysSo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await RestoreAsync(site, await BackedUpAsync(site, disks: 2));
        var copied = await site.RunToAsync(id, JobState.CreatingVm).WithinDeadline();
        var taken = copied.Tasks[0].TargetDiskId!.Value;
        site.Engine.Disks[taken] = site.Engine.Disks[taken] with { Description = "mine now" };
        site.Engine.Arm("AttachDisk", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Equal(taken, Assert.Single(site.Engine.Disks).Key);
        Assert.Contains(job.Notes, note => note.Contains(taken.ToString(), StringComparison.Ordinal) && note.Contains("was left", StringComparison.Ordinal));
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task AnswerToCreateVmIsLost_OneVm()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.Engine.Arm("CreateVm", FaultMoment.After);

        var job = await site.RunToEndAsync(await RestoreAsync(site, point)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Single(site.Engine.Vms.Values, vm => vm.Name == "restored");
    }

    [Fact]
    public async Task AttachFails_VmAndDisksAreRemoved()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site, disks: 2);
        site.Engine.Arm("AttachDisk", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(await RestoreAsync(site, point)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.DoesNotContain(site.Engine.Vms.Values, vm => vm.Name == "restored");
        Assert.Empty(site.Engine.Disks);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task StartFails_TheVmStaysAndTheJobWarns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        site.Engine.Arm("StartVm", FaultMoment.Before, EngineFailure.Refused);

        var job = await site.RunToEndAsync(await RestoreAsync(site, point, start: true)).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Single(site.Engine.Vms.Values, vm => vm.Name == "restored");
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
        await site.Get<Reconciler>().ReconcileAsync(TestSite.Token);
        Assert.Single(site.Engine.Vms.Values, vm => vm.Name == "restored");
    }

    [Fact]
    public async Task RawSparseToBlockStorage_IsPreallocatedAndNoted()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site, change: disk => disk with { Format = "raw", Sparse = true, IncrementalEnabled = false });

        var job = await site.RunToEndAsync(await RestoreAsync(site, point, storageDomain: "iscsi1")).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal(("raw", false), (Assert.Single(site.Engine.Disks.Values).Format, site.Engine.Disks.Values.Single().Sparse));
        Assert.Contains(job.Notes, note => note.Contains("preallocated", StringComparison.Ordinal));
        Assert.False(Assert.Single(job.Tasks).Plan!.ReadsAsZero);
    }

    [Fact]
    public async Task RepositoryCannotBeRead_TheCopyStandsInAndTheJobSaysSo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var copy = await site.CopyPointAsync(point, "offsite");
        site.Mover.Unreachable.Add("main");

        var job = await site.RunToEndAsync(await RestoreAsync(site, point)).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal((copy.RepositoryId, copy.Id, copy.Id), (job.RepositoryId, job.PointId, job.Restore!.PointId));
        Assert.Contains(job.Notes, note => note.Contains($"Restored from the copy {copy.Id} in repository offsite", StringComparison.Ordinal));
    }

    [Fact]
    public async Task PointHasCopies_TheOrderNamesThemBestFirst()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = await BackedUpAsync(site);
        var damaged = await site.CopyPointAsync(point, "a-damaged", row => row.Damage = "chunks");
        var sibling = await site.CopyPointAsync(point, "b-whole");
        var task = Assert.Single((await site.DriveAsync(await RestoreAsync(site, point), JobState.Copying)).Tasks);

        var order = await site.Get<AttemptPreparation>().PrepareAsync(await site.LeaseAsync(task), TestSite.Token);

        Assert.Equal([(sibling.Id, "b-whole"), (damaged.Id, "a-damaged")], order!.Copies.Select(found => (found.PointId, found.Repository)));
        Assert.All(order.Copies, found => Assert.Equal(task.DiskId, found.Disk.Id));
        await using var context = site.Database();
        var siblings = await PointCopies.FindAsync(context, sibling.RepositoryId, sibling.Id, TestSite.Token);
        Assert.Equal([point, damaged.Id], siblings.Select(found => found.Point.Id));
    }

    [Fact]
    public async Task WorkerTookDataFromACopy_TheJobTellsWhatWasRepairedAndWarnsOfTheRest()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await RestoreAsync(site, await BackedUpAsync(site));
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        await site.SucceedAsync(claim, task, new TaskRescue { Sources = [new RescueSource("offsite", 3, 4096, 2, 0)], Unrepaired = "0+4096: a map page is lost" });

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains(job.Notes, note => note.Contains("3 damaged chunks or map pages (4096 bytes of the disk) came from repository offsite; 2 of them were repaired in repository", StringComparison.Ordinal));
        Assert.Contains(job.Warnings, warning => warning.Contains("a map page is lost", StringComparison.Ordinal));
    }

    private static async Task<string> BackedUpAsync(TestSite site, int disks = 1, Func<EngineDisk, EngineDisk>? change = null)
    {
        var vm = site.AddVm("vm", disks);
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks.Select(change ?? (disk => disk))] };
        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        return job.PointId!;
    }

    private static Task<Guid> RestoreAsync(TestSite site, string point, bool start = false, string storageDomain = "") =>
        site.Get<RestoreAdmission>().AdmitAsync(
            new RestoreRequest { Point = point[..8], Name = "restored", Start = start, StorageDomain = storageDomain, Nics = NicChoice.None }, TestSite.Token);
}
