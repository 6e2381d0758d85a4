// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Ledger;

/// <summary>
/// Compares ledger and engines at start and every few minutes, and ends what no running job answers for: transfers, exported VMs, clones, backups,
/// VMs, disks, in this order. Running jobs settle their own. Only what the ledger names is touched; what it does not know is <see cref="OrphanSweep"/>'s.
/// </summary>
internal sealed partial class Reconciler(
    IDbContextFactory<ServerDbContext> contexts, EngineLedger ledger, EngineCleanup cleanup, Leadership leadership,
    ServerInstruments instruments, TimeProvider time, ServerOptions options, ILogger<Reconciler> logger) : BackgroundService
{
    // An engine needs several looks to end one thing (finalize, wait, gone): they follow quickly, the next round comes later.
    private const int LooksPerRound = 120;

    /// <summary>One look at every open entry of jobs that have ended.</summary>
    /// <returns>How many are still open.</returns>
    public async Task<int> ReconcileAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var open = await ledger.ListOpenAsync(null, cancellationToken);
        var jobIds = open.Select(entry => entry.JobId).Distinct().ToList();
        var jobs = await context.Jobs.AsNoTracking().Where(job => jobIds.Contains(job.Id)).ToDictionaryAsync(job => job.Id, cancellationToken);
        var left = 0;
        foreach (var entry in open.Where(entry => entry.Kind != LedgerKind.GuestFreeze).OrderBy(entry => UndoStep.OrderOf(entry.Kind)))
        {
            var job = jobs.GetValueOrDefault(entry.JobId);
            if (job is { Outcome: JobOutcome.Running })
            {
                continue;
            }

            left += await EndAsync(entry, job, cancellationToken) ? 0 : 1;
        }

        return left;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var term = await leadership.WaitForTermAsync(stoppingToken);
            try
            {
                while (true)
                {
                    for (var look = 0; look < LooksPerRound && await TryAsync(ReconcileAsync, term.Token) > 0; look++)
                    {
                        await Task.Delay(options.PollInterval, time, term.Token);
                    }

                    await Task.Delay(options.ReconcileInterval, time, term.Token);
                }
            }
            catch (OperationCanceledException) when (term.Token.IsCancellationRequested)
            {
                // Stopping, or another server leads now.
            }
        }
    }

    private async Task<int> TryAsync(Func<CancellationToken, Task<int>> look, CancellationToken cancellationToken)
    {
        try
        {
            return await look(cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
            return 0;
        }
    }

    private async Task<bool> EndAsync(LedgerEntry entry, Job? job, CancellationToken cancellationToken)
    {
        try
        {
            // The point of a job that committed stands on the checkpoint its backup made.
            var committed = job is { Kind: JobKind.Backup, Outcome: JobOutcome.Succeeded or JobOutcome.Warning };
            var result = entry.Kind switch
            {
                LedgerKind.ImageTransfer => await cleanup.EndTransferAsync(entry, finish: false, cancellationToken),
                LedgerKind.Backup => await cleanup.EndBackupAsync(entry, dropCheckpoint: !committed, cancellationToken),
                LedgerKind.Attachment => await cleanup.DetachAsync(entry, cancellationToken),
                LedgerKind.Snapshot when committed && job!.Backup is { ToCheckpointId: { } kept } && kept == entry.EngineId => await KeepAsync(entry, cancellationToken),
                LedgerKind.Snapshot => await cleanup.RemoveSnapshotAsync(entry, cancellationToken),
                LedgerKind.Detachment => await cleanup.AttachBackAsync(entry, job?.Restore?.Replaced.FirstOrDefault(disk => disk.DiskId == entry.ParentId), cancellationToken),
                LedgerKind.ExportedVm => await cleanup.RemoveExportedAsync(entry, cancellationToken),
                LedgerKind.Vm or LedgerKind.ClonedVm => await cleanup.RemoveVmAsync(entry, job?.Restore?.NewName ?? ExportedImages.CloneName(entry.JobId), cancellationToken),
                _ => await cleanup.RemoveDiskAsync(entry, job?.Restore?.HolderOfDisks(), cancellationToken),
            };
            if (result == CleanupResult.Waiting)
            {
                return false;
            }

            instruments.OnLeftoverRemoved(entry.Kind.ToString());
            Log.LeftoverEnded(logger, entry.Kind, entry.JobId, result);
            return true;
        }
        catch (EngineException failure)
        {
            Log.LeftoverStays(logger, entry.Kind, entry.JobId, failure.Message);

            // Asking again within the same round would not help.
            return !failure.IsPassing;
        }
    }

    private async Task<CleanupResult> KeepAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        await ledger.CloseAsync(entry, "kept for the next incremental", cancellationToken);
        return CleanupResult.Succeeded;
    }
}
