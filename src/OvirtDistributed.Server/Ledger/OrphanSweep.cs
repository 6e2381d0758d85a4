// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Ledger;

/// <summary>
/// Ends what carries our mark on an engine and what neither the ledger nor a job answers for: left by an installation whose database was lost or is older
/// than what the engine holds. Looks at every VM that was ever backed up, when this server begins to lead and at an interval from then on. It is a loop of its
/// own, because many VMs take long and what the <see cref="Reconciler"/> does must not wait for them.
/// </summary>
internal sealed partial class OrphanSweep(
    IDbContextFactory<ServerDbContext> contexts, EngineLedger ledger, IEngineDirectory engines, Installation installation, Leadership leadership,
    ServerInstruments instruments, TimeProvider time, ServerOptions options, ILogger<OrphanSweep> logger) : BackgroundService
{
    // An engine merges one snapshot of a VM at a time: the next one of the same VM follows in the same round.
    private const int LooksPerRound = 120;

    /// <summary>Of which it was said that their snapshots stay.</summary>
    private readonly HashSet<Guid> _awaySnapshots = [];

    /// <summary>One round: every VM, and those again where something was ended until nothing is left there.</summary>
    /// <returns>What was ended.</returns>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var (vms, ended) = (await ListVmsAsync(cancellationToken), 0);
        var silent = new HashSet<Guid>();
        for (var look = 0; look < LooksPerRound && vms.Count > 0; look++)
        {
            if (look > 0)
            {
                await Task.Delay(options.PollInterval, time, cancellationToken);
            }

            var again = new List<SweptVm>();
            foreach (var vm in vms)
            {
                var found = await TryAsync(vm, silent, cancellationToken);
                ended += found.Ended;
                if (found.Ended > 0 || found.Waits)
                {
                    again.Add(vm);
                }
            }

            vms = again;
        }

        return ended;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => leadership.RunRoundsAsync(options.SweepInterval, RoundAsync, stoppingToken);

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        try
        {
            _ = await SweepAsync(cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }

    private async Task<List<SweptVm>> ListVmsAsync(CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var vms = await context.Jobs.Where(job => job.Kind == JobKind.Backup).Select(job => new { job.ManagerId, job.VmId })
            .Union(context.RestorePoints.Select(point => new { point.ManagerId, point.VmId }))
            .ToListAsync(cancellationToken);
        var managers = (await context.Managers.Select(manager => manager.Id).ToListAsync(cancellationToken)).ToHashSet();
        return [.. vms.Where(vm => managers.Contains(vm.ManagerId)).Select(vm => new SweptVm(vm.ManagerId, vm.VmId))];
    }

    /// <summary>One look at one VM: what fails there does not keep the others, nor its own snapshots, from being looked at.</summary>
    private async Task<Found> TryAsync(SweptVm vm, HashSet<Guid> silent, CancellationToken cancellationToken)
    {
        var backups = await TryAsync(vm, silent, EndBackupsAsync, cancellationToken);
        var snapshots = await TryAsync(vm, silent, DeleteSnapshotAsync, cancellationToken);
        return new Found(backups.Ended + snapshots.Ended, backups.Waits || snapshots.Waits);
    }

    /// <param name="vm">Where to look.</param>
    /// <param name="silent">Managers that are not asked again in this round: each of their VMs would only wait for the same failure.</param>
    /// <param name="lookAsync">What to do there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    private async Task<Found> TryAsync(
        SweptVm vm, HashSet<Guid> silent, Func<IEngine, SweptVm, CancellationToken, Task<Found>> lookAsync, CancellationToken cancellationToken)
    {
        if (silent.Contains(vm.ManagerId))
        {
            return default;
        }

        try
        {
            return await lookAsync((await engines.OpenAsync(vm.ManagerId, cancellationToken)).Engine, vm, cancellationToken);
        }
        catch (EngineException failure) when (failure.Failure is EngineFailure.Unreachable or EngineFailure.Unauthorized)
        {
            silent.Add(vm.ManagerId);
            Log.ManagerSkipped(logger, vm.ManagerId, failure.Message);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.SweepFailed(logger, vm.VmId, failure.Message);
        }

        return default;
    }

    private async Task<Found> EndBackupsAsync(IEngine engine, SweptVm vm, CancellationToken cancellationToken)
    {
        var (ended, waits) = (0, false);
        foreach (var backup in await ListBackupsAsync(engine, vm.VmId, cancellationToken))
        {
            var orphan = backup.Phase is EngineBackupPhase.Starting or EngineBackupPhase.Ready && IsOurs(backup.Description) && !await IsInLedgerAsync(backup.Id, cancellationToken);
            if (orphan)
            {
                var found = await EndBackupAsync(engine, vm.VmId, backup, cancellationToken);
                (ended, waits) = (ended + found.Ended, waits || found.Waits);
            }
        }

        return new Found(ended, waits);
    }

    private static async Task<IReadOnlyList<EngineBackup>> ListBackupsAsync(IEngine engine, Guid vmId, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.ListBackupsAsync(vmId, cancellationToken);
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound)
        {
            return []; // A manager from before there were backups, which has snapshots of ours all the same; or the VM is gone.
        }
    }

    /// <summary>
    /// Transfers first, and the backup in a later look, when they have ended: some managers take the end of a backup with an active transfer and never end that,
    /// others refuse.
    /// </summary>
    private async Task<Found> EndBackupAsync(IEngine engine, Guid vmId, EngineBackup backup, CancellationToken cancellationToken)
    {
        var disks = await engine.ListBackupDisksAsync(vmId, backup.Id, cancellationToken);
        var (ending, inUse) = (false, false);
        foreach (var transfer in await engine.ListTransfersAsync(cancellationToken))
        {
            if (transfer.IsEnded || transfer.Upload || !disks.ContainsKey(transfer.DiskId))
            {
                continue;
            }

            if (await ledger.IsKnownAsync(transfer.Id, cancellationToken))
            {
                inUse = true;
                continue;
            }

            if (transfer.Phase != EngineTransferPhase.Ending)
            {
                await engine.CancelTransferAsync(transfer.Id, backup.Id, cancellationToken);
            }

            ending |= await engine.FindTransferAsync(transfer.Id, cancellationToken) is { IsEnded: false };
        }

        if (ending || inUse)
        {
            return new Found(0, Waits: ending);
        }

        await engine.FinalizeBackupAsync(vmId, backup.Id, backup.Id, cancellationToken);
        Log.OrphanEnded(logger, backup.Id, vmId);
        instruments.OnLeftoverRemoved(nameof(LedgerKind.Backup));
        return new Found(1, Waits: false);
    }

    /// <summary>
    /// A snapshot of ours stays while a running job has it, or the newest point of its repository starts the next incremental from it. The order of the
    /// questions matters, because jobs go on meanwhile: what is listed first was there before, and a job that ended since then has listed its point.
    /// </summary>
    private async Task<Found> DeleteSnapshotAsync(IEngine engine, SweptVm vm, CancellationToken cancellationToken)
    {
        var all = await engine.ListSnapshotsAsync(vm.VmId, cancellationToken);
        var ours = all.Where(snapshot => IsOurs(snapshot.Description)).ToList();
        if (ours.Count == 0)
        {
            return default;
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.Jobs.AnyAsync(job => job.ManagerId == vm.ManagerId && job.VmId == vm.VmId && job.Outcome == JobOutcome.Running, cancellationToken))
        {
            return default;
        }

        var ids = ours.Select(snapshot => (Guid?)snapshot.Id).ToList();
        var known = await context.Ledger.Where(entry => ids.Contains(entry.EngineId) && entry.State != LedgerState.Closed).Select(entry => entry.EngineId).ToListAsync(cancellationToken);
        var needed = (await context.RestorePoints.AsNoTracking().Where(point => point.ManagerId == vm.ManagerId && point.VmId == vm.VmId).ToListAsync(cancellationToken))
            .GroupBy(point => point.RepositoryId)
            .Select(points => points.MaxBy(point => point.Created)!.CheckpointId)
            .ToHashSet();
        var repositories = (await context.Repositories.Select(repository => repository.Id).ToListAsync(cancellationToken)).ToHashSet();
        if (ours.Find(snapshot => !needed.Contains(snapshot.Id) && !known.Contains(snapshot.Id) && !IsOfAway(snapshot, vm.VmId, repositories)) is not { } orphan)
        {
            return default;
        }

        // One at a time, and none while somebody works on the VM's snapshots.
        if (all.Any(snapshot => snapshot.Locked))
        {
            return new Found(0, Waits: true);
        }

        Log.OrphanSnapshot(logger, orphan.Id, vm.VmId);
        await engine.DeleteSnapshotAsync(vm.VmId, orphan.Id, orphan.Id, cancellationToken);
        instruments.OnLeftoverRemoved(nameof(LedgerKind.Snapshot));
        return new Found(1, Waits: true);
    }

    /// <summary>The points of a repository that was removed come back when it is added again, and the next incremental may start from what they name.</summary>
    private bool IsOfAway(EngineSnapshot snapshot, Guid vmId, HashSet<Guid> repositories)
    {
        if (EngineMarker.RepositoryOf(snapshot.Description) is not { } repository || repositories.Contains(repository))
        {
            return false;
        }

        if (_awaySnapshots.Add(snapshot.Id))
        {
            Log.RepositoryAway(logger, snapshot.Id, vmId, repository);
        }

        return true;
    }

    private bool IsOurs(string description) => description.Contains(EngineMarker.OfInstance(installation.InstanceId), StringComparison.Ordinal);

    private async Task<bool> IsInLedgerAsync(Guid backupId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Ledger.AnyAsync(entry => entry.Id == backupId, cancellationToken);
    }

    private readonly record struct SweptVm(Guid ManagerId, Guid VmId);

    /// <param name="Ended">So many things were asked to end.</param>
    /// <param name="Waits">There is more, for which something has to end first.</param>
    private readonly record struct Found(int Ended, bool Waits);
}
