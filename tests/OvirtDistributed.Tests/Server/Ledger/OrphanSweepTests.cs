// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Ledger;

/// <summary>What nobody knows any more is found by its mark, again and again; what is not ours, or still needed, stays.</summary>
[Collection(PostgresTests.Name)]
public sealed class OrphanSweepTests(PostgresServer postgres)
{
    [Fact]
    public async Task SnapshotLeftWhileTheServerLeads_IsRemovedByALaterRoundAlsoWhenTheManagerRefusedOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        await using var loop = await SweepLoop.StartAsync(site);
        Guid[] staying = [Assert.Single(site.Engine.Snapshots[vm.Id]).Id, .. await TakeAsync(site, vm, "somebody's", MarkOf(site, Guid.NewGuid()))];
        var lost = Assert.Single(await TakeAsync(site, vm, MarkOf(site, site.InstanceId)));
        site.Engine.Arm("DeleteSnapshot", FaultMoment.Before, EngineFailure.Refused);

        await loop.NextRoundAsync();
        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal([.. staying, lost], SnapshotsOf(site, vm));

        await loop.NextRoundAsync();
        Assert.Equal(staying, SnapshotsOf(site, vm));
    }

    [Fact]
    public async Task SeveralOfOneVm_GoInOneRoundOneAfterTheOther()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        Guid[] staying = [Assert.Single(site.Engine.Snapshots[vm.Id]).Id, .. await TakeAsync(site, vm, "somebody's")];
        await TakeAsync(site, vm, MarkOf(site, site.InstanceId), MarkOf(site, site.InstanceId), MarkOf(site, site.InstanceId));

        Assert.Equal(3, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(staying, SnapshotsOf(site, vm));
    }

    [Fact]
    public async Task WhileAJobRunsForTheVm_NothingOfItIsTouched()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        var job = await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer);
        await site.DriveAsync(job, JobState.Copying);
        await TakeAsync(site, vm, MarkOf(site, site.InstanceId));
        var before = SnapshotsOf(site, vm);

        Assert.Equal(0, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(3, before.Count);
        Assert.Equal(before, SnapshotsOf(site, vm));
    }

    [Fact]
    public async Task ManagerFromBeforeThereWereBackups_IsSweptAllTheSame()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Engine.ProductVersion = "4.3.10";
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        var staying = SnapshotsOf(site, vm);
        await TakeAsync(site, vm, MarkOf(site, site.InstanceId));
        site.Engine.Arm("ListBackups", FaultMoment.Before, EngineFailure.NotFound);

        Assert.Equal(1, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Equal(staying, SnapshotsOf(site, vm));
    }

    [Fact]
    public async Task DatabaseForgotABackup_ItIsEndedByItsMarkAndAnotherInstallationsIsNot()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var other = site.AddVm("other");
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        await site.RunToEndAsync(await site.BackUpAsync(other.Name)).WithinDeadline();
        await StartAsync(vm, MarkOf(site, site.InstanceId));
        await StartAsync(other, MarkOf(site, Guid.NewGuid()));

        Assert.Equal(1, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(EngineBackupPhase.Finalizing, site.Engine.Backups.Values.Last(backup => backup.VmId == vm.Id).Phase);
        Assert.Equal(EngineBackupPhase.Starting, site.Engine.Backups.Values.Last(backup => backup.VmId == other.Id).Phase);

        Task StartAsync(EngineVm of, string description) => site.Engine.StartBackupAsync(
            new EngineBackupStart(of.Id, Guid.NewGuid(), Guid.NewGuid(), [of.Disks[0].Id], null, false, description), TestSite.Token);
    }

    [Fact]
    public async Task DatabaseForgotABackup_ItsTransferIsCancelledAndOneThatTheLedgerKnowsIsNot()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm", disks: 2);
        await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline();
        var start = new EngineBackupStart(vm.Id, Guid.NewGuid(), Guid.NewGuid(), [.. vm.Disks.Select(disk => disk.Id)], null, false, MarkOf(site, site.InstanceId));
        await site.Engine.StartBackupAsync(start, TestSite.Token);
        await site.Engine.FindBackupAsync(vm.Id, start.BackupId, TestSite.Token);
        var (lost, known) = (await TransferAsync(vm.Disks[0]), await TransferAsync(vm.Disks[1]));
        var owner = new LedgerOwner(site.ManagerId, Guid.NewGuid(), Guid.NewGuid(), 1);
        await site.Get<EngineLedger>().OpenAsync(LedgerKind.ImageTransfer, owner, vm.Disks[1].Id, known, TestSite.Token);

        await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline();

        Assert.Equal((false, true), (IsOpen(lost), IsOpen(known)));
        Assert.Equal(EngineBackupPhase.Ready, site.Engine.Backups[start.BackupId].Phase);

        bool IsOpen(Guid transfer) => site.Engine.Transfers[transfer].Phase == EngineTransferPhase.Transferring;

        async Task<Guid> TransferAsync(EngineDisk disk)
        {
            var made = await site.Engine.CreateTransferAsync(new EngineTransferStart(disk.Id, start.BackupId, Guid.NewGuid(), TimeSpan.FromMinutes(1)), TestSite.Token);
            await site.Engine.FindTransferAsync(made.Id, TestSite.Token);
            return made.Id;
        }
    }

    [Fact]
    public async Task BackupWithATransfer_IsEndedInTheSameRoundButNotBeforeTheTransferEnded()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        var start = new EngineBackupStart(vm.Id, Guid.NewGuid(), Guid.NewGuid(), [vm.Disks[0].Id], null, false, MarkOf(site, site.InstanceId));
        await site.Engine.StartBackupAsync(start, TestSite.Token);
        await site.Engine.FindBackupAsync(vm.Id, start.BackupId, TestSite.Token);
        var transfer = await site.Engine.CreateTransferAsync(new EngineTransferStart(vm.Disks[0].Id, start.BackupId, Guid.NewGuid(), TimeSpan.FromMinutes(1)), TestSite.Token);
        await site.Engine.FindTransferAsync(transfer.Id, TestSite.Token);

        site.Engine.Calls.Clear();
        Assert.Equal(1, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(EngineBackupPhase.Finalizing, site.Engine.Backups[start.BackupId].Phase);
        Assert.Single(site.Engine.Calls, call => call.StartsWith("FinalizeBackup", StringComparison.Ordinal));

        // One look cancels the transfer, which takes the manager a while; the next one finds it ended.
        Assert.Equal(2, site.Engine.Calls.TakeWhile(call => !call.StartsWith("FinalizeBackup", StringComparison.Ordinal)).Count(call => call.StartsWith("ListTransfers", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task FailureThatNoEngineAnswersWith_KeepsNeitherTheSnapshotsNorOtherVmsFromBeingSwept()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        EngineVm[] vms = [site.AddVm("one"), site.AddVm("two")];
        foreach (var vm in vms)
        {
            await BackUpAsync(site, vm);
            await TakeAsync(site, vm, MarkOf(site, site.InstanceId));
        }

        site.Engine.Arm("ListBackups", FaultMoment.Before, new InvalidOperationException("a password does not open"));

        Assert.Equal(2, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal(1, site.Engine.FaultsFired);
    }

    [Theory]
    [InlineData((int)EngineFailure.Unreachable)]
    [InlineData((int)EngineFailure.Unauthorized)]
    public async Task ManagerDoesNotAnswer_ItsOtherVmsWaitForTheNextRound(int failure)
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        EngineVm[] vms = [site.AddVm("one"), site.AddVm("two")];
        foreach (var vm in vms)
        {
            await BackUpAsync(site, vm);
            await TakeAsync(site, vm, MarkOf(site, site.InstanceId));
        }

        site.Engine.Arm("ListBackups", FaultMoment.Before, (EngineFailure)failure);

        Assert.Equal(0, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());
        Assert.Equal(2, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());
    }

    [Fact]
    public async Task SnapshotOfARepositoryThatIsNotKnown_StaysBecauseItsPointsMayComeBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        await BackUpAsync(site, vm);
        var kept = SnapshotsOf(site, vm);
        var away = Assert.Single(await TakeAsync(site, vm, $"Backup {EngineMarker.Of(site.InstanceId, Guid.NewGuid(), Guid.NewGuid())}"));
        await TakeAsync(site, vm, MarkOf(site, site.InstanceId));

        Assert.Equal(1, await site.Get<OrphanSweep>().SweepAsync(TestSite.Token).WithinDeadline());

        Assert.Equal([.. kept, away], SnapshotsOf(site, vm));
    }

    private static async Task BackUpAsync(TestSite site, EngineVm vm)
    {
        var job = await site.RunToEndAsync(await site.BackUpAsync(vm.Name, mode: TransportModes.ImageTransfer)).WithinDeadline();
        Assert.Equal(JobOutcome.Succeeded, job.Outcome);
    }

    /// <summary>Of a job that is in no database.</summary>
    private static string MarkOf(TestSite site, Guid instanceId) => $"Backup {EngineMarker.Of(instanceId, site.RepositoryId, Guid.NewGuid())}";

    private static async Task<IReadOnlyList<Guid>> TakeAsync(TestSite site, EngineVm vm, params string[] descriptions)
    {
        var taken = descriptions.Select(description => site.Engine.TakeSnapshot(vm.Id, description).Id).ToList();

        // One look later they are there.
        await site.Engine.ListSnapshotsAsync(vm.Id, TestSite.Token);
        return taken;
    }

    private static List<Guid> SnapshotsOf(TestSite site, EngineVm vm) => [.. site.Engine.Snapshots[vm.Id].Select(snapshot => snapshot.Id)];

    /// <summary>The server's own loop. Of all that runs here it alone waits for more than moments.</summary>
    private sealed class SweepLoop(TestSite site) : IAsyncDisposable
    {
        public static async Task<SweepLoop> StartAsync(TestSite site)
        {
            await site.Get<Leadership>().StartAsync(TestSite.Token);
            await site.Get<OrphanSweep>().StartAsync(TestSite.Token);
            var loop = new SweepLoop(site);
            await loop.PausesAsync();
            return loop;
        }

        public Task NextRoundAsync()
        {
            site.Time.Advance(site.Options.SweepInterval);
            return PausesAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await site.Get<OrphanSweep>().StopAsync(CancellationToken.None).WithinDeadline();
            await site.Get<Leadership>().StopAsync(CancellationToken.None).WithinDeadline();
        }

        private Task PausesAsync() => Deadline.UntilAsync(() => Task.FromResult(site.Time.IsAwaited), "the round is over", TimeSpan.FromSeconds(30));
    }
}
