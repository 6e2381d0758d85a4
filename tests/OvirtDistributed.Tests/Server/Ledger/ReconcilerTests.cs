// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Ledger;

[Collection(PostgresTests.Name)]
public sealed class ReconcilerTests(PostgresServer postgres)
{
    [Fact]
    public async Task KilledBetweenCallAndId_TransferOfAnEndedJobIsFoundAndCancelled()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, vm) = await EndedInTheMiddleAsync(site);
        var owner = new LedgerOwner(site.ManagerId, job, Guid.NewGuid(), 1);
        var entry = await site.Get<EngineLedger>().OpenAsync(LedgerKind.ImageTransfer, owner, vm.Disks[0].Id, TestSite.Token);
        var backup = Assert.Single(site.Engine.Backups.Values);
        await site.Engine.CreateTransferAsync(new EngineTransferStart(vm.Disks[0].Id, backup.Id, entry.Id, TimeSpan.FromMinutes(1)), TestSite.Token);

        await Deadline.UntilAsync(async () => await site.Get<Reconciler>().ReconcileAsync(TestSite.Token) == 0, "nothing is left");

        Assert.Empty(site.Engine.Leftovers());
        Assert.Empty(site.Engine.Checkpoints[vm.Id]);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task IntentThatWasNeverCarriedOut_IsJudgedOnlyWhenItCanNoLongerArrive()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var owner = new LedgerOwner(site.ManagerId, Guid.NewGuid(), Guid.NewGuid(), 1);
        await site.Get<EngineLedger>().OpenAsync(LedgerKind.ImageTransfer, owner, Guid.NewGuid(), TestSite.Token);
        await site.Get<EngineLedger>().OpenAsync(LedgerKind.Disk, owner, Guid.NewGuid(), TestSite.Token);

        Assert.Equal(2, await site.Get<Reconciler>().ReconcileAsync(TestSite.Token));
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        Assert.Equal(0, await site.Get<Reconciler>().ReconcileAsync(TestSite.Token));

        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task TransferOfSomebodyElse_IsNeverTouched()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var disk = site.NewDisk("theirs");
        site.Engine.Disks.Add(disk.Id, disk);
        var theirs = await site.Engine.CreateTransferAsync(new EngineTransferStart(disk.Id, null, Guid.NewGuid(), TimeSpan.FromMinutes(1)), TestSite.Token);
        var owner = new LedgerOwner(site.ManagerId, Guid.NewGuid(), Guid.NewGuid(), 1);
        await site.Get<EngineLedger>().OpenAsync(LedgerKind.ImageTransfer, owner, disk.Id, TestSite.Token);

        await site.Get<Reconciler>().ReconcileAsync(TestSite.Token);
        site.Time.Advance(site.Options.RequestLifetime + TimeSpan.FromSeconds(1));
        await site.Get<Reconciler>().ReconcileAsync(TestSite.Token);

        Assert.False(site.Engine.Transfers[theirs.Id].IsEnded);
        Assert.DoesNotContain("CancelTransferAsync", site.Engine.Calls);
        Assert.Empty(await site.Get<EngineLedger>().ListOpenAsync(null, TestSite.Token));
    }

    [Fact]
    public async Task RunningJob_SettlesItsOwn()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        await site.DriveAsync(job, JobState.Copying);

        Assert.Equal(0, await site.Get<Reconciler>().ReconcileAsync(TestSite.Token));

        Assert.Equal(EngineBackupPhase.Ready, Assert.Single(site.Engine.Backups.Values).Phase);
    }

    [Fact]
    public async Task TwoOpenTheSameIntentAtOnce_OneEntry()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var owner = new LedgerOwner(site.ManagerId, Guid.NewGuid(), Guid.NewGuid(), 1);
        var ledger = site.Get<EngineLedger>();

        var entries = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ledger.OpenAsync(LedgerKind.Disk, owner, Guid.NewGuid(), TestSite.Token))).WithinDeadline();

        Assert.Single(entries.Select(entry => entry.Id).Distinct());
    }

    /// <summary>A job whose backup is ready on the engine and whose row says that it has failed: as after an undo that ran out of patience.</summary>
    private static async Task<(Guid Job, EngineVm Vm)> EndedInTheMiddleAsync(TestSite site)
    {
        var vm = site.AddVm("vm");
        var job = await site.BackUpAsync(vm.Name);
        await site.DriveAsync(job, JobState.Copying);
        await using var context = site.Database();
        await context.Jobs.Where(row => row.Id == job).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.State, JobState.Failed).SetProperty(row => row.Outcome, JobOutcome.Failed), TestSite.Token);
        return (job, vm);
    }
}
