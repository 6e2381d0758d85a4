// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>A guest that is frozen around a snapshot is thawed, whatever happens; and what the restore point says of it is true.</summary>
[Collection(PostgresTests.Name)]
public sealed class FreezeTests(PostgresServer postgres)
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Theory]
    [InlineData(TransportModes.Auto)]
    [InlineData(TransportModes.ImageTransfer)]
    [InlineData(TransportModes.DiskAttachment)]
    public async Task Frozen_SnapshotIsTakenMeanwhileAndThePointSaysSo(string mode)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        await site.AddWorkerVmAsync();

        var job = await RunAsync(site, await StartAsync(site, vm, mode));

        Assert.Equal((JobOutcome.Succeeded, ""), (job.Outcome, job.Message));
        Assert.Equal([true], site.Engine.FrozenAtSnapshot);
        Assert.Equal(["freeze", "thaw"], site.Engine.GuestCalls);
        Assert.Equal(mode == TransportModes.Auto ? TransportModes.ImageTransfer : mode, job.Backup!.TransportMode);
        Assert.Equal(mode == TransportModes.Auto, job.Backup.TransportReason.Contains("--consistency freeze", StringComparison.Ordinal));
        Assert.Equal(PointConsistency.FileSystemConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
        var guard = Assert.Single(site.Guards.Started);
        Assert.Equal((true, true, FreezeLimits.Default), (guard.IsAnswered, guard.IsEnded, guard.Guest.Timeout));
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task VmThatIsDown_HasNothingToFreeze()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");

        var job = await RunAsync(site, await StartAsync(site, vm, TransportModes.Auto));

        Assert.Equal((JobOutcome.Succeeded, TransportModes.Cbt), (job.Outcome, job.Backup!.TransportMode));
        Assert.Empty(site.Engine.GuestCalls);
        Assert.Equal(PointConsistency.PoweredOff, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
    }

    [Fact]
    public async Task NoAgent_BackupGoesOnAndSaysCrash()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.GuestAgent = false;

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("crash-consistent: the guest agent is not responsive", job.Message, StringComparison.Ordinal);
        Assert.Contains("see that qemu-guest-agent is installed and runs in the guest", job.Message, StringComparison.Ordinal);
        var point = site.Mover.Read(site.Mover.PointsByJob[job.Id]);
        Assert.Equal((PointConsistency.CrashConsistent, "not frozen: the guest agent is not responsive"), (point.Consistency, point.ConsistencyDetail));
        await Deadline.UntilAsync(async () => (await OpenAsync(site)).Count == 0, "the entry is closed");
        Assert.Equal(["freeze", "thaw", "thaw", "thaw"], site.Engine.GuestCalls);
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task NoGuard_NothingIsFrozen()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Guards.FailStart = true;

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("no process can be started", job.Message, StringComparison.Ordinal);
        Assert.Empty(site.Engine.GuestCalls);
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task GuardIsKilledBeforeTheGuestIsAsked_NothingIsFrozen()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Guards.KillBeforeAsking = true;

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.DoesNotContain("freeze", site.Engine.GuestCalls);
        Assert.Equal(PointConsistency.CrashConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
    }

    [Fact]
    public async Task FreezeHangs_EndsWithTheTimeOutAndThawsUntilItCanNoLongerTakeEffect()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.FreezeHangs = true;

        var job = await RunAsync(site, await StartAsync(site, vm, timeout: Short));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("did not answer the freeze within", job.Message, StringComparison.Ordinal);
        Assert.Equal(PointConsistency.CrashConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
        Assert.Equal([false], site.Engine.FrozenAtSnapshot);

        // Late, as by a manager that had the call waiting: the entry is open, and one more thaw comes.
        site.Engine.Freeze(vm.Id);
        Assert.Equal(LedgerState.Intent, Assert.Single(await OpenAsync(site)).State);
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        await Deadline.UntilAsync(async () => !site.Engine.IsFrozen(vm.Id) && (await OpenAsync(site)).Count == 0, "thawed once more").WithinDeadline();
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task SnapshotHangs_GuestIsThawedByTheTimeOutAndThePointDoesNotClaimMore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.HoldSnapshots = true;
        var id = await StartAsync(site, vm);
        await DriveAsync(site, id, job => job.State == JobState.AwaitingBackup);
        Assert.True(site.Engine.IsFrozen(vm.Id));

        site.Time.Advance(FreezeLimits.Default + TimeSpan.FromSeconds(1));

        await DriveAsync(site, id, _ => !site.Engine.IsFrozen(vm.Id));
        site.Engine.HoldSnapshots = false;
        var job = await RunAsync(site, id);

        Assert.Equal([true], site.Engine.FrozenAtSnapshot);
        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("thawed before the snapshot was there", job.Message, StringComparison.Ordinal);
        Assert.Equal(PointConsistency.Unknown, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task ThawFails_JobWarnsWithWhatToTypeAndTheGuestIsThawedInTheEnd()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.FailThaws(int.MaxValue);

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains($"The guest of VM vm may still be frozen", job.Message, StringComparison.Ordinal);
        Assert.Contains($"vms/{vm.Id}/thawfilesystems", job.Message, StringComparison.Ordinal);
        Assert.Contains("fsfreeze --unfreeze", job.Message, StringComparison.Ordinal);
        Assert.Equal(PointConsistency.FileSystemConsistent, site.Mover.Read(site.Mover.PointsByJob[job.Id]).Consistency);
        Assert.True(site.Engine.IsFrozen(vm.Id));
        Assert.True(site.Engine.FaultsFired > 0);

        site.Engine.FailThaws(0);
        await Deadline.UntilAsync(async () => (await OpenAsync(site)).Count == 0, "thawed");
        Assert.False(site.Engine.IsFrozen(vm.Id));
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task ThawFailsForAsLongAsThereIsPatience_LedgerKeepsItAndGoesOn()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Options.ThawPatience = TimeSpan.FromTicks(1);
        site.Engine.FailThaws(1);

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.True(site.Engine.IsFrozen(vm.Id));
        Assert.Equal(LedgerState.Created, Assert.Single(await OpenAsync(site)).State);
        await Deadline.UntilAsync(() => Task.FromResult(site.Guards.Started.Single().WouldThaw), "the guard is let go of");
        Assert.Equal(0, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task CancelledWhileFrozen_ThawedBeforeAnythingElseIsUndone()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.HoldSnapshots = true;
        var id = await StartAsync(site, vm);
        await DriveAsync(site, id, job => job.State == JobState.AwaitingBackup);
        Assert.True(site.Engine.IsFrozen(vm.Id));

        await CancelAsync(site, id);
        await DriveAsync(site, id, job => job.State == JobState.Undoing);

        Assert.Equal(["freeze", "thaw"], site.Engine.GuestCalls);
        Assert.DoesNotContain("DeleteSnapshotAsync", site.Engine.Calls);
        site.Engine.HoldSnapshots = false;
        Assert.Equal(JobOutcome.Cancelled, (await RunAsync(site, id)).Outcome);
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task CancelledWhileTheGuestIsAsked_IsNotWaitedForAndThawed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.FreezeHangs = true;
        var id = await StartAsync(site, vm);
        await DriveAsync(site, id, _ => site.Engine.IsFrozen(vm.Id));

        await CancelAsync(site, id);

        Assert.Equal(JobOutcome.Cancelled, (await RunAsync(site, id)).Outcome);
        Assert.Equal(["freeze", "thaw"], site.Engine.GuestCalls.Take(2));
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        await Deadline.UntilAsync(async () => (await OpenAsync(site)).Count == 0, "the entry is closed");
        await NothingIsLeftAsync(site, vm);
    }

    [Theory]
    [InlineData(nameof(EngineFailure.Refused), nameof(JobOutcome.Failed), 1)]
    [InlineData(nameof(EngineFailure.Locked), nameof(JobOutcome.Succeeded), 2)]
    public async Task SnapshotIsRefused_ThawedAtOnceAndFrozenAnewWhereItIsTriedAgain(string failure, string outcome, int freezes)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.Arm("CreateSnapshot", FaultMoment.Before, Enum.Parse<EngineFailure>(failure));

        var job = await RunAsync(site, await StartAsync(site, vm));

        Assert.Equal(outcome, job.Outcome.ToString());
        Assert.Equal(Enumerable.Repeat(new[] { "freeze", "thaw" }, freezes).SelectMany(pair => pair), site.Engine.GuestCalls);
        Assert.Equal(1, site.Engine.FaultsFired);
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task ServerAndGuardAreGone_NextServerThawsBeforeAnythingElseAndTheJobFreezesNoMore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        var id = await StartAsync(site, vm);
        await DriveAsync(site, id, job => job.State == JobState.StartingBackup);
        var entry = await site.Get<EngineLedger>().OpenAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(site.ManagerId, id), vm.Id, TestSite.Token);
        await site.Get<EngineLedger>().ConfirmAsync(entry, vm.Id, TestSite.Token);
        site.Engine.Freeze(vm.Id);
        site.Engine.Calls.Clear();

        await site.Get<InstallationStart>().PrepareTermAsync(TestSite.Token).WithinDeadline();

        Assert.False(site.Engine.IsFrozen(vm.Id));
        Assert.Empty(site.Engine.Calls);
        var job = await RunAsync(site, id);
        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("the server was restarted while it froze the guest", job.Message, StringComparison.Ordinal);
        Assert.Equal(["thaw"], site.Engine.GuestCalls);
        await using var context = site.Database();
        Assert.True(await context.JobLog.AnyAsync(line => line.JobId == id && line.Message.Contains("a server that is gone"), TestSite.Token));
        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task LeftGuestCannotBeThawed_EntryStaysForTheNextLook()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        var entry = await site.Get<EngineLedger>().OpenAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(site.ManagerId, Guid.NewGuid()), vm.Id, TestSite.Token);
        await site.Get<EngineLedger>().ConfirmAsync(entry, vm.Id, TestSite.Token);
        site.Engine.Freeze(vm.Id);
        site.Engine.FailThaws(1);

        Assert.Equal(1, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));
        Assert.Equal(0, await site.Get<Reconciler>().ReconcileAsync(TestSite.Token));
        Assert.Single(await OpenAsync(site));
        Assert.Equal(0, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));

        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task FreezeOfUnknownFate_IsThawedAgainUntilItCanNoLongerArrive()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        await site.Get<EngineLedger>().OpenAsync(LedgerKind.GuestFreeze, LedgerOwner.OfJob(site.ManagerId, Guid.NewGuid()), vm.Id, TestSite.Token);

        Assert.Equal(1, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));
        site.Engine.Freeze(vm.Id);
        Assert.Equal(1, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));
        Assert.False(site.Engine.IsFrozen(vm.Id));
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        Assert.Equal(0, await site.Get<GuestFreezes>().ThawLeftAsync(TestSite.Token));

        await NothingIsLeftAsync(site, vm);
    }

    [Fact]
    public async Task AsManyAreFrozenAsMayBe_NextWaitsUnfrozen()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (first, second) = (site.AddVm("first", status: "up"), site.AddVm("second", status: "up"));
        site.Options.MaxFrozenGuests = 1;
        site.Engine.HoldSnapshots = true;
        var (one, two) = (await StartAsync(site, first), await StartAsync(site, second));
        await DriveAsync(site, one, job => job.State == JobState.AwaitingBackup);
        await DriveAsync(site, two, _ => site.Get<GuestFreezes>().Find(two) is not null);

        Assert.Equal((true, false), (site.Engine.IsFrozen(first.Id), site.Engine.IsFrozen(second.Id)));
        Assert.Single(site.Guards.Started);
        site.Engine.HoldSnapshots = false;
        Assert.Equal(JobOutcome.Succeeded, (await RunAsync(site, one)).Outcome);
        Assert.Equal(JobOutcome.Succeeded, (await RunAsync(site, two)).Outcome);
        Assert.Equal([true, true], site.Engine.FrozenAtSnapshot);
        await NothingIsLeftAsync(site, second);
    }

    [Fact]
    public async Task ServerStops_ThawsFirst()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", status: "up");
        site.Engine.HoldSnapshots = true;
        await DriveAsync(site, await StartAsync(site, vm), job => job.State == JobState.AwaitingBackup);

        await site.Get<GuestFreezes>().EndAllAsync().WithinDeadline();

        Assert.False(site.Engine.IsFrozen(vm.Id));
        Assert.True(site.Guards.Started.Single().IsEnded);
        Assert.DoesNotContain(await OpenAsync(site), entry => entry.Kind == LedgerKind.GuestFreeze);
    }

    private static async Task<Guid> StartAsync(TestSite site, EngineVm vm, string mode = TransportModes.ImageTransfer, TimeSpan? timeout = null)
    {
        var id = await site.BackUpAsync(vm.Name, mode: mode, consistency: ConsistencyRules.Freeze);
        if (timeout is { } shorter)
        {
            // Below what an operator may ask for: nobody has to wait for it here.
            await using var context = site.Database();
            var job = await context.Jobs.FirstAsync(row => row.Id == id, TestSite.Token);
            job.Backup = job.Backup! with { FreezeTimeout = shorter };
            await context.SaveChangesAsync(TestSite.Token);
        }

        return id;
    }

    private static async Task CancelAsync(TestSite site, Guid id)
    {
        await using var context = site.Database();
        await context.Jobs.Where(job => job.Id == id).ExecuteUpdateAsync(set => set.SetProperty(job => job.CancelRequested, true), TestSite.Token);
    }

    /// <summary>Runs steps until the job is as wanted; a freeze goes its own way meanwhile.</summary>
    private static Task DriveAsync(TestSite site, Guid id, Func<Job, bool> until) => Deadline.UntilAsync(
        async () =>
        {
            if (until(await site.JobAsync(id)))
            {
                return true;
            }

            await site.StepAsync(id);
            return false;
        },
        "the job comes there");

    private static async Task<Job> RunAsync(TestSite site, Guid id)
    {
        await DriveAsync(site, id, job => job.State == JobState.Copying || JobStateMachine.IsEnd(job.State));
        return await site.RunToEndAsync(id).WithinDeadline();
    }

    private static Task<IReadOnlyList<LedgerEntry>> OpenAsync(TestSite site) => site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token);

    private static async Task NothingIsLeftAsync(TestSite site, EngineVm vm)
    {
        Assert.False(site.Engine.IsFrozen(vm.Id));
        Assert.Empty(await OpenAsync(site));
        Assert.Empty(site.Engine.Leftovers());
    }
}
