// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

[Collection(PostgresTests.Name)]
public sealed class BackupJobTests(PostgresServer postgres)
{
    [Fact]
    public async Task FullThenIncremental_PointsAndOneCheckpointRemain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);

        var full = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var incremental = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal((JobOutcome.Succeeded, ""), (full.Outcome, full.Message));
        Assert.Equal((JobOutcome.Succeeded, ""), (incremental.Outcome, incremental.Message));
        Assert.All(full.Tasks, task => Assert.False(task.Incremental));
        Assert.All(incremental.Tasks, task => Assert.True(task.Incremental));
        Assert.Equal(full.PointId, incremental.Backup!.BasePointId);
        var manifest = site.Mover.Read(site.Mover.PointsByJob[incremental.Id]);
        Assert.Equal(PointKind.Incremental, manifest.Kind);
        Assert.Equal(2, manifest.Disks.Count);
        var repository = await site.RepositoryAsync();
        Assert.Contains("<Envelope>", await site.Get<PointReader>().ReadOvfAsync(repository, manifest, TestSite.Token), StringComparison.Ordinal);
        Assert.Equal(Assert.Single(site.Engine.Checkpoints[vm.Id]).Id.ToString("D"), manifest.CheckpointId);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task EveryStepRunsTwice_OneBackupOnePoint()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var id = await site.BackUpAsync(vm.Name);

        var job = await site.JobAsync(id);
        while (!JobStateMachine.IsEnd(job.State))
        {
            var state = job.State;
            if (state == JobState.Copying && job.Tasks[0].State == TaskState.Offered)
            {
                var claim = await site.LeaseAsync(job.Tasks[0]);
                await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
                await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
                await site.SucceedAsync(claim, job.Tasks[0]);
            }

            await site.StepAsync(id);
            await ForgetAsync(site, id, state);
            for (job = await site.JobAsync(id); job.State == state; job = await site.JobAsync(id))
            {
                await site.StepAsync(id);
            }
        }

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal(2, site.Engine.Backups.Count);
        Assert.Equal(2, site.Engine.Transfers.Count);
        Assert.Equal(2, site.Mover.PointsByJob.Count);
        Assert.Single(site.Engine.Checkpoints[vm.Id]);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task AnswerToStartIsLost_TheSameBackupIsFound()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.Arm("StartBackup", FaultMoment.After);

        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Single(site.Engine.Backups);
    }

    [Fact]
    public async Task AnswerToCreateTransferIsLost_TheSameTransferIsUsed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.Arm("CreateTransfer", FaultMoment.After);

        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Single(site.Engine.Transfers);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task CheckpointUnusable_FallsBackToFullWithTheReason()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        site.Engine.BackupFailures.Enqueue(new EngineException(EngineFailure.CheckpointUnusable, "bitmap is broken"));

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.False(Assert.Single(job.Tasks).Incremental);
        Assert.Contains("bitmap is broken", job.Backup!.ModeReason, StringComparison.Ordinal);
        var manifest = site.Mover.Read(site.Mover.PointsByJob[job.Id]);
        Assert.Equal(PointKind.Full, manifest.Kind);
        Assert.Contains("bitmap is broken", manifest.FallbackReason, StringComparison.Ordinal);
        Assert.Single(site.Engine.Checkpoints[vm.Id]);
    }

    [Fact]
    public async Task GuestCannotBeFrozen_CrashConsistentPoint()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.BackupFailures.Enqueue(new EngineException(EngineFailure.GuestNotFrozen, "no agent"));

        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm", status: "up").Name)).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal([true, false], site.Engine.Backups.Values.Select(backup => backup.Start.RequireConsistency));
        Assert.Equal(PointConsistency.CrashConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
    }

    [Fact]
    public async Task NewDisk_IsReadInFullWhileTheOthersAreIncremental()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var added = site.NewDisk("added");
        site.Engine.Vms[vm.Id] = vm with { Disks = [.. vm.Disks, added] };

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal([(added.Id, false), (vm.Disks[0].Id, true)], job.Tasks.OrderBy(task => task.DiskAlias).Select(task => (task.DiskId, task.Incremental)));
    }

    [Fact]
    public async Task ConnectionBreaksDuringCommit_CommitIsRepeated()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        site.Mover.Arm(MoverFailure.Unknown);

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.True(site.Mover.AllFaultsFired);
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Single(site.Mover.PointsByJob);
        Assert.DoesNotContain(job.Id, site.Mover.Aborted);
    }

    [Fact]
    public async Task CommitRefused_EverythingIsTakenBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        site.Mover.Arm(MoverFailure.Refused);

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.True(site.Mover.AllFaultsFired);
        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("made to fail", job.Message, StringComparison.Ordinal);
        Assert.Empty(site.Engine.Checkpoints[vm.Id]);
        Assert.Contains(job.Id, site.Mover.Aborted);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task FinalizeRefused_PointIsGoodAndTheReconcilerGoesOn()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        site.Engine.Arm("FinalizeBackup", FaultMoment.Before, EngineFailure.Failed);

        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Single(site.Mover.PointsByJob);
        Assert.Single(site.Engine.Leftovers());
        await Deadline.UntilAsync(async () => await site.Get<Reconciler>().ReconcileAsync(TestSite.Token) == 0, "the reconciler is done");
        Assert.Empty(site.Engine.Leftovers());
        Assert.Equal(job.Backup!.ToCheckpointId, Assert.Single(site.Engine.Checkpoints[vm.Id]).Id);
    }

    [Fact]
    public async Task WorkerIsLost_OldPathIsClosedAndFencedBeforeTheNextOffer()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        Assert.NotNull(await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token));
        site.Time.Advance(site.Options.LeaseDuration + site.Options.LeaseGrace + TimeSpan.FromSeconds(1));
        site.Mover.Arm(MoverFailure.Unreachable);

        while (!site.Mover.AllFaultsFired)
        {
            await site.StepAsync(id);
            Assert.Equal(1, Assert.Single((await site.JobAsync(id)).Tasks).Attempt);
        }

        await site.StepAsync(id);
        task = Assert.Single((await site.JobAsync(id)).Tasks);
        Assert.Equal((2, TaskState.Offered), (task.Attempt, task.State));
        Assert.Equal(claim.FencingToken + 1, site.Mover.Fences[task.Id]);
        Assert.All(site.Engine.Transfers.Values, transfer => Assert.True(transfer.IsEnded));
        Assert.Null(await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token));

        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
        Assert.Equal(2, site.Engine.Transfers.Count);
        Assert.Single(site.Engine.Backups);
    }

    [Fact]
    public async Task AttemptsAreUsedUp_JobFailsWithTheLastReasonAndLeavesNothing()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var job = await site.DriveAsync(id, JobState.Copying);
        while (job.State == JobState.Copying)
        {
            if (job.Tasks[0].State == TaskState.Offered)
            {
                Assert.True(await site.FailAsync(await site.LeaseAsync(job.Tasks[0])));
            }

            await site.StepAsync(id);
            job = await site.JobAsync(id);
        }

        job = await site.DriveAsync(id);
        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("5 attempts failed", job.Message, StringComparison.Ordinal);
        Assert.Contains("told to fail", job.Message, StringComparison.Ordinal);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(site.Engine.Checkpoints.Values.SelectMany(checkpoints => checkpoints));
    }

    [Fact]
    public async Task EngineEndsTheBackupWhileCopying_JobFailsAtOnceWithItsReason()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var backup = Assert.Single(site.Engine.Backups.Values);
        backup.Phase = EngineBackupPhase.Failed;
        backup.Failure = new EngineException(EngineFailure.Failed, "the VM crashed");

        await site.FailAsync(await site.LeaseAsync(task));
        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Failed, job.Outcome);
        Assert.Contains("the VM crashed", job.Message, StringComparison.Ordinal);
        Assert.Equal(1, Assert.Single(job.Tasks).Attempt);
        Assert.Empty(site.Engine.Leftovers());
    }

    [Fact]
    public async Task ManagerIsAwayForAMomentAfterHoursOfCopying_TheJobGoesOn()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        for (var hour = 0; hour < 10; hour++)
        {
            site.Time.Advance(site.Options.LeaseDuration / 2);
            Assert.Equal(LeaseRenewal.Renewed, await site.Get<TaskLeases>().RenewAsync(claim, hour + 1, TaskStatistics.Empty, TestSite.Token));
            site.Time.Advance(site.Options.StepPatience);
            await site.Get<TaskLeases>().ExtendAllAsync(site.Options.StepPatience, TestSite.Token);
            await site.StepAsync(id);
        }

        await site.SucceedAsync(claim, task);
        site.Engine.Arm("FindTransfer", FaultMoment.Before);
        await site.StepAsync(id);
        Assert.Equal(1, site.Engine.FaultsFired);

        var job = await site.RunToEndAsync(id).WithinDeadline();
        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
    }

    [Fact]
    public async Task TransferNeverEnds_PointIsMadeAndTheJobWarns()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.TransfersNeverEnd = true;
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        await site.SucceedAsync(claim, task);
        await site.StepAsync(id);
        Assert.Equal(JobState.Copying, (await site.JobAsync(id)).State);

        site.Time.Advance(site.Options.TransferEndPatience + TimeSpan.FromSeconds(1));
        await site.DriveAsync(id, JobState.Finalizing);
        Assert.Single(site.Mover.PointsByJob);
        site.Engine.TransfersNeverEnd = false;
        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task WorkerShutsDown_CostsNoAttempt()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);

        await site.FailAsync(await site.LeaseAsync(task), "WorkerStopping");
        await site.StepAsync(id);

        task = Assert.Single((await site.JobAsync(id)).Tasks);
        Assert.Equal((2, 0, TaskState.Offered), (task.Attempt, task.Faults, task.State));
    }

    [Fact]
    public async Task DirtyExtentsUnavailable_DiskIsReadInFull()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var id = await site.BackUpAsync(vm.Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        Assert.True(task.Incremental);

        await site.FailAsync(await site.LeaseAsync(task), "DirtyExtentsUnavailable");
        await site.StepAsync(id);

        task = Assert.Single((await site.JobAsync(id)).Tasks);
        Assert.False(task.Incremental);
        Assert.NotEmpty(task.ModeReason);
    }

    [Fact]
    public async Task CancelWhileCopying_WorkerReportsAndNothingIsLeft()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var id = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(id, JobState.Copying)).Tasks);
        var claim = await site.LeaseAsync(task);
        await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        await site.Get<JobQueries>().RequestCancelAsync(id, TestSite.Token);

        await site.StepAsync(id);
        Assert.Equal(JobState.Undoing, (await site.JobAsync(id)).State);
        Assert.Equal(LeaseRenewal.Cancel, await site.Get<TaskLeases>().RenewAsync(claim, 1, TaskStatistics.Empty, TestSite.Token));
        await site.FailAsync(claim, "Cancelled");
        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Cancelled, job.Outcome);
        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(site.Engine.Checkpoints.Values.SelectMany(checkpoints => checkpoints));
        Assert.Empty(site.Mover.PointsByJob);
    }

    /// <summary>As if the server had been killed after the step's last call and before its state was saved.</summary>
    private static async Task ForgetAsync(TestSite site, Guid id, JobState state)
    {
        if (state is JobState.AwaitingBackup)
        {
            // Its tasks are written together with the state, so a kill loses both or neither.
            return;
        }

        await using var context = site.Database();
        await context.Jobs.Where(job => job.Id == id && job.Outcome == JobOutcome.Running)
            .ExecuteUpdateAsync(set => set.SetProperty(job => job.State, state), TestSite.Token);
    }
}
