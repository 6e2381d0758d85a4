// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>Backups in which a snapshot of ours holds the point in time.</summary>
[Collection(PostgresTests.Name)]
public sealed class SnapshotBackupTests(PostgresServer postgres)
{
    [Fact]
    public async Task FullThenIncremental_OneSnapshotIsKeptAndTheLayerAboveItIsRead()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);

        var full = await RunAsync(site, vm);
        var kept = Assert.Single(site.Engine.Snapshots[vm.Id]);
        var incremental = await RunAsync(site, vm);

        Assert.Equal((JobOutcome.Succeeded, ""), (full.Outcome, full.Message));
        Assert.Equal((JobOutcome.Succeeded, ""), (incremental.Outcome, incremental.Message));
        Assert.Equal([false, false, true, true], site.Engine.LayersAsked.Select(layer => layer.Alone));
        Assert.All(incremental.Tasks, task => Assert.True(task.Incremental));
        Assert.Equal(full.PointId, incremental.Backup!.BasePointId);
        var now = Assert.Single(site.Engine.Snapshots[vm.Id]);
        Assert.NotEqual(kept.Id, now.Id);
        var manifest = site.Mover.Read(site.Mover.PointsByJob[incremental.Id]);
        Assert.Equal((TransportModes.ImageTransfer, now.Id.ToString("D"), PointKind.Incremental), (manifest.TransportMode, manifest.CheckpointId, manifest.Kind));
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task DropSnapshot_NoneStaysAndTheNextIsFull()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");

        await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer, dropSnapshot: true)).WithinDeadline();
        Assert.Empty(site.Engine.Snapshots[vm.Id]);
        var second = await RunAsync(site, vm);

        Assert.Contains("kept no snapshot", second.Backup!.ModeReason, StringComparison.Ordinal);
        await NothingIsLeftAsync(site);
    }

    [Theory]
    [InlineData("CreateSnapshot", false)]
    [InlineData("CreateSnapshot", true)]
    [InlineData("DeleteSnapshot", true)]
    [InlineData("CreateTransfer", true)]
    public async Task CallFails_NothingIsMadeTwice(string call, bool carriedOut)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await RunAsync(site, vm);
        site.Engine.Arm(call, carriedOut ? FaultMoment.After : FaultMoment.Before);

        var job = await RunAsync(site, vm);

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Single(site.Engine.Snapshots[vm.Id]);
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task KeptSnapshotWasDeleted_FallsBackToFullWithTheReason()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await RunAsync(site, vm);
        site.Engine.Snapshots[vm.Id].Clear();

        var job = await RunAsync(site, vm);

        Assert.Contains("was deleted", job.Backup!.ModeReason, StringComparison.Ordinal);
        Assert.False(Assert.Single(job.Tasks).Incremental);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SomebodyElseTookASnapshotSince_Full(bool afterTheDecision)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await RunAsync(site, vm);
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer);
        if (afterTheDecision)
        {
            await site.DriveAsync(id, JobState.StartingBackup);
        }

        site.Engine.TakeSnapshot(vm.Id, "before the upgrade");
        await site.Engine.ListSnapshotsAsync(vm.Id, TestSite.Token);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Contains("before the upgrade", job.Backup!.ModeReason, StringComparison.Ordinal);
        Assert.False(Assert.Single(job.Tasks).Incremental);
        Assert.False(site.Engine.LayersAsked[^1].Alone);
        Assert.Equal(["before the upgrade"], site.Engine.Snapshots[vm.Id].Select(snapshot => snapshot.Description).Where(text => !text.Contains("[ovd", StringComparison.Ordinal)));
        Assert.Equal(2, site.Engine.Snapshots[vm.Id].Count);
    }

    [Fact]
    public async Task Cancelled_ItsSnapshotGoesAndTheKeptOneStays()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await RunAsync(site, vm);
        var kept = Assert.Single(site.Engine.Snapshots[vm.Id]);
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer);
        await site.DriveAsync(id, JobState.Copying);

        await site.Get<JobQueries>().RequestCancelAsync(id, TestSite.Token);
        await site.StepAsync(id);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Cancelled, job.Outcome);
        Assert.Equal(kept.Id, Assert.Single(site.Engine.Snapshots[vm.Id]).Id);
        await NothingIsLeftAsync(site);
        Assert.All((await RunAsync(site, vm)).Tasks, task => Assert.True(task.Incremental));
    }

    [Fact]
    public async Task SnapshotDeletedWhileItIsRead_TheJobFailsAndSaysSo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var id = await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer);
        var copying = await site.DriveAsync(id, JobState.Copying);
        var claim = await site.LeaseAsync(copying.Tasks[0]);
        Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token));
        site.Engine.Snapshots[vm.Id].Clear();

        await site.FailAsync(claim);
        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("was deleted on the manager", job.Message, StringComparison.Ordinal);
        await NothingIsLeftAsync(site);
    }

    [Fact]
    public async Task ChangeOfMode_IsFullOnceAndLeavesNothingOfTheOther()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await RunAsync(site, vm);

        var cbt = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.Cbt)).WithinDeadline();
        Assert.Contains("transport mode image-transfer", cbt.Backup!.ModeReason, StringComparison.Ordinal);
        Assert.Empty(site.Engine.Snapshots[vm.Id]);
        Assert.Single(site.Engine.Checkpoints[vm.Id]);

        var back = await RunAsync(site, vm);
        Assert.Contains("transport mode cbt", back.Backup!.ModeReason, StringComparison.Ordinal);
        Assert.Single(site.Engine.Snapshots[vm.Id]);
        Assert.Empty(site.Engine.Checkpoints[vm.Id]);
    }

    [Fact]
    public async Task ManagerWithoutSingleLayers_FilesOfLayersAreReadAndTheSnapshotStays()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.ProductVersion = "4.3.10";
        var vm = site.AddVm("vm");

        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var second = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal(TransportModes.ImageTransfer, second.Backup!.TransportMode);
        Assert.Contains("older than 4.4.3", second.Backup.TransportReason, StringComparison.Ordinal);
        Assert.True(second.Backup.Incremental);
        Assert.Single(site.Engine.Snapshots[vm.Id]);
        Assert.Empty(site.Engine.LayersAsked);
        Assert.Equal(2 * vm.Disks.Count, site.Engine.FilesAsked.Count);
        await NothingIsLeftAsync(site);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => site.BackUpAsync(vm.Name, mode: TransportModes.Cbt));
        Assert.Contains("cbt needs a manager of version 4.4", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<Job> RunAsync(TestSite site, EngineVm vm) =>
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer)).WithinDeadline();

    private static async Task NothingIsLeftAsync(TestSite site)
    {
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }
}
