// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Ledger;

/// <summary>
/// Compares ledger and engines at start and every few minutes, and ends what no running job answers for: transfers, exported VMs, clones, backups,
/// VMs, disks, in this order. Running jobs settle their own. Only what the ledger names or what carries our mark is touched.
/// </summary>
internal sealed partial class Reconciler(
    IDbContextFactory<ServerDbContext> contexts, EngineLedger ledger, EngineCleanup cleanup, IEngineDirectory engines, Installation installation,
    Leadership leadership, ServerInstruments instruments, TimeProvider time, ServerOptions options, ILogger<Reconciler> logger) : BackgroundService
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

    /// <summary>Ends backups that carry our mark but that neither the ledger nor a running job knows: left by an installation whose database was lost.</summary>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var vms = await context.Jobs.Where(job => job.Kind == JobKind.Backup).Select(job => new { job.ManagerId, job.VmId })
            .Union(context.RestorePoints.Select(point => new { point.ManagerId, point.VmId }))
            .ToListAsync(cancellationToken);
        var managers = (await context.Managers.Select(manager => manager.Id).ToListAsync(cancellationToken)).ToHashSet();
        var ended = 0;
        foreach (var vm in vms.Where(vm => managers.Contains(vm.ManagerId)))
        {
            try
            {
                ended += await SweepVmAsync(vm.ManagerId, vm.VmId, cancellationToken);
            }
            catch (EngineException failure)
            {
                Log.SweepFailed(logger, vm.VmId, failure.Message);
            }
        }

        return ended;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            using var term = await leadership.WaitForTermAsync(stoppingToken);
            try
            {
                await TryAsync(SweepAsync, term.Token);
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

    private async Task<int> SweepVmAsync(Guid managerId, Guid vmId, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(managerId, cancellationToken)).Engine;
        var ended = 0;
        foreach (var backup in await engine.ListBackupsAsync(vmId, cancellationToken))
        {
            var orphan = backup.Phase is EngineBackupPhase.Starting or EngineBackupPhase.Ready
                && backup.Description.Contains(EngineMarker.OfInstance(installation.InstanceId), StringComparison.Ordinal)
                && !await IsInLedgerAsync(backup.Id, cancellationToken);
            if (!orphan)
            {
                continue;
            }

            await EndOrphanAsync(engine, vmId, backup, cancellationToken);
            ended++;
        }

        return ended + await SweepSnapshotsAsync(engine, managerId, vmId, cancellationToken);
    }

    /// <summary>A snapshot of ours stays while a running job has it, or the newest point of its repository starts the next incremental from it.</summary>
    private async Task<int> SweepSnapshotsAsync(IEngine engine, Guid managerId, Guid vmId, CancellationToken cancellationToken)
    {
        var ours = (await engine.ListSnapshotsAsync(vmId, cancellationToken))
            .Where(snapshot => !snapshot.Locked && snapshot.Description.Contains(EngineMarker.OfInstance(installation.InstanceId), StringComparison.Ordinal))
            .ToList();
        if (ours.Count == 0)
        {
            return 0;
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Jobs.AnyAsync(job => job.ManagerId == managerId && job.VmId == vmId && job.Outcome == JobOutcome.Running, cancellationToken))
        {
            return 0;
        }

        var needed = (await context.RestorePoints.AsNoTracking().Where(point => point.ManagerId == managerId && point.VmId == vmId).ToListAsync(cancellationToken))
            .GroupBy(point => point.RepositoryId)
            .Select(points => points.MaxBy(point => point.Created)!.CheckpointId)
            .ToHashSet();
        var orphan = ours.FirstOrDefault(snapshot => !needed.Contains(snapshot.Id));
        if (orphan is null || await context.Ledger.AnyAsync(entry => entry.EngineId == orphan.Id && entry.State != LedgerState.Closed, cancellationToken))
        {
            return 0;
        }

        Log.OrphanSnapshot(logger, orphan.Id, vmId);
        await engine.DeleteSnapshotAsync(vmId, orphan.Id, orphan.Id, cancellationToken);
        return 1;
    }

    private async Task EndOrphanAsync(IEngine engine, Guid vmId, EngineBackup backup, CancellationToken cancellationToken)
    {
        var disks = await engine.ListBackupDisksAsync(vmId, backup.Id, cancellationToken);
        foreach (var transfer in await engine.ListTransfersAsync(cancellationToken))
        {
            if (!transfer.IsEnded && !transfer.Upload && disks.ContainsKey(transfer.DiskId))
            {
                await engine.CancelTransferAsync(transfer.Id, backup.Id, cancellationToken);
            }
        }

        Log.OrphanEnded(logger, backup.Id, vmId);
        await engine.FinalizeBackupAsync(vmId, backup.Id, backup.Id, cancellationToken);
    }

    private async Task<bool> IsInLedgerAsync(Guid backupId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Ledger.AnyAsync(entry => entry.Id == backupId, cancellationToken);
    }
}
