// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup.Snapshots;

/// <summary>
/// What the steps of a backup do where a snapshot of ours holds the point in time: take it, wait for it, keep or remove it. Where the mode
/// can make use of it the newest one is kept on the manager, because its layer will tell the next backup what changed; each backup removes the ones before.
/// </summary>
internal sealed class SnapshotBackup(
    IEngineDirectory engines, EngineLedger ledger, EngineCleanup cleanup, TaskSettlement settlement, SnapshotFreeze freeze, Installation installation, ServerOptions options)
{
    /// <summary>Asks for the snapshot. One whose answer was lost is found by its description.</summary>
    public async Task<StepResult> RequestAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var owner = LedgerOwner.OfJob(job.ManagerId, job.Id);
        var known = await ledger.FindOpenAsync(LedgerKind.Snapshot, owner, cancellationToken);
        var snapshotId = known?.EngineId ?? await FindOwnAsync(engine, job, cancellationToken);
        if (snapshotId is null && await freeze.FreezeAsync(context, cancellationToken) is { } frozenLater)
        {
            return frozenLater;
        }

        // Only now: how old an intent is tells whether its request can still arrive.
        var entry = known ?? await ledger.OpenAsync(LedgerKind.Snapshot, owner, job.VmId, cancellationToken);
        if (snapshotId is null)
        {
            var description = $"Backup by OvirtDistributed {EngineMarker.Of(installation.InstanceId, job.RepositoryId, job.Id)}";
            try
            {
                snapshotId = await engine.CreateSnapshotAsync(new EngineSnapshotStart(job.VmId, job.Backup!.Disks, description, entry.Id), cancellationToken);
            }
            catch (EngineException failure)
            {
                // Before anything else: no guest waits for another try.
                await freeze.LetGoAsync(context, cancellationToken);
                if (failure.IsPassing)
                {
                    throw;
                }

                await ledger.CloseAsync(entry, failure.Message, cancellationToken);
                return StepResult.Fail($"The manager took no snapshot of VM {job.VmName}: {failure.Message}");
            }
        }

        await ledger.ConfirmAsync(entry, snapshotId.Value, cancellationToken);
        job.Backup = job.Backup! with { EngineBackupId = snapshotId };
        return StepResult.Next(JobEvent.BackupRequested);
    }

    /// <summary>Waits until the snapshot is there, and offers one task per disk.</summary>
    public async Task<StepResult> AwaitAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        switch (await engine.FindSnapshotAsync(job.VmId, job.Backup!.EngineBackupId!.Value, cancellationToken))
        {
            case null:
                return StepResult.Fail($"The manager could not take the snapshot of VM {job.VmName} and took it back: see its events.");
            case { Locked: true } when context.InStep <= options.BackupReadyPatience:
                freeze.WarnIfStillFrozen(context);
                return StepResult.WaitFor(options.PollInterval);
            case { Locked: true }:
                return StepResult.Fail($"The manager did not finish the snapshot within {options.BackupReadyPatience}.");
            case { } ready:
                await freeze.ThawAsync(context, cancellationToken);
                await OfferTasksAsync(context, engine, ready, cancellationToken);
                return StepResult.Next(job.Backup.WhenReady());
        }
    }

    /// <summary>Keeps the snapshot for the next incremental, or removes it and waits until its layers are merged.</summary>
    public async Task<StepResult> FinishAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var made = (await ledger.ListOpenAsync(job.Id, cancellationToken)).Where(open => open.Kind is LedgerKind.ExportedVm or LedgerKind.ClonedVm or LedgerKind.Snapshot);
        if (made.MinBy(open => UndoStep.OrderOf(open.Kind)) is not { } entry)
        {
            return StepResult.Next(JobEvent.BackupFinalized);
        }

        if (job.Backup!.ToCheckpointId is not null)
        {
            await ledger.CloseAsync(entry, "kept for the next incremental", cancellationToken);
            return StepResult.Next(JobEvent.BackupFinalized, "the snapshot is kept for the next incremental");
        }

        try
        {
            var ended = await RemoveAsync(entry, cancellationToken) != CleanupResult.Waiting;
            if (ended && entry.Kind == LedgerKind.Snapshot)
            {
                return StepResult.Next(JobEvent.BackupFinalized);
            }
        }
        catch (EngineException failure) when (!failure.IsPassing || context.FailingFor > options.StepPatience)
        {
            return Warn(job, entry, failure.Message);
        }

        return context.InStep > options.FinalizePatience
            ? Warn(job, entry, $"the manager did not {(entry.Kind == LedgerKind.Snapshot ? "merge" : "delete")} it within {options.FinalizePatience}")
            : StepResult.WaitFor(options.PollInterval);
    }

    private Task<CleanupResult> RemoveAsync(LedgerEntry entry, CancellationToken cancellationToken) => entry.Kind switch
    {
        LedgerKind.ExportedVm => cleanup.RemoveExportedAsync(entry, cancellationToken),
        LedgerKind.ClonedVm => cleanup.RemoveVmAsync(entry, ExportedImages.CloneName(entry.JobId), cancellationToken),
        _ => cleanup.RemoveSnapshotAsync(entry, cancellationToken),
    };

    private static StepResult Warn(Job job, LedgerEntry entry, string problem)
    {
        var what = entry.Kind switch
        {
            LedgerKind.ExportedVm => "the copy in the export domain",
            LedgerKind.ClonedVm => "the clone",
            _ => "the snapshot",
        };
        job.Warn($"The restore point is good, but {what} it was read from could not be removed yet: {problem.TrimEnd('.')}. The reconciler goes on with it.");
        return StepResult.Next(JobEvent.FinalizeFailed);
    }

    private async Task<Guid?> FindOwnAsync(IEngine engine, Job job, CancellationToken cancellationToken) =>
        (await engine.ListSnapshotsAsync(job.VmId, cancellationToken))
            .FirstOrDefault(snapshot => EngineMarker.IsOfJob(snapshot.Description, installation.InstanceId, job.Id))?.Id;

    private async Task OfferTasksAsync(StepContext context, IEngine engine, EngineSnapshot snapshot, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var details = job.Backup!;
        var vm = JsonSerializer.Deserialize<EngineVm>(
            await context.Database.DocumentAsync(job.Id, JobDocument.Vm, cancellationToken), JsonColumn.Options)!;
        var layers = await engine.ListSnapshotLayersAsync(job.VmId, snapshot.Id, cancellationToken);
        await context.Database.PutDocumentAsync(
            job.Id, JobDocument.Ovf, await engine.ReadSnapshotOvfAsync(job.VmId, snapshot.Id, cancellationToken), cancellationToken);
        var between = details.Incremental ? await FindBetweenAsync(engine, job, snapshot, cancellationToken) : null;
        if (between is not null)
        {
            job.Note($"full instead of incremental: {between}");
            context.Warning($"falls back to full: {between}");
            details = details with { Incremental = false, ModeReason = between, FromCheckpointId = null, BasePointId = null, BaseDisks = [] };
        }

        if (details.Export is null)
        {
            BackupTasks.Offer(context, settlement, vm, details, "the snapshot", disk => layers.ContainsKey(disk.Id) ? new TakenDisk(GivesChanges: true) : null);
        }

        job.Backup = details with
        {
            Layers = layers,
            ToCheckpointId = details.KeepsSnapshot() ? snapshot.Id : null,
            PointInTime = snapshot.Created ?? context.Now,
            Consistency = vm.Status == "down" ? PointConsistencyNames.OfStopped(details) : SnapshotFreeze.ConsistencyOf(details),
            ConsistencyDetail = vm.Status == "down" ? PointConsistencyNames.DetailOfStopped(details) : details.ConsistencyDetail,
            Starts = details.Starts + 1,
        };
    }

    /// <summary>Somebody may have taken a snapshot between the decision and ours.</summary>
    private static async Task<string?> FindBetweenAsync(IEngine engine, Job job, EngineSnapshot own, CancellationToken cancellationToken)
    {
        var all = await engine.ListSnapshotsAsync(job.VmId, cancellationToken);
        var kept = all.FirstOrDefault(snapshot => snapshot.Id == job.Backup!.FromCheckpointId);
        if (kept is null)
        {
            return $"snapshot {job.Backup!.FromCheckpointId}, which the last backup kept, was deleted";
        }

        return all.FirstOrDefault(snapshot => snapshot.Id != own.Id && snapshot.Created > kept.Created) is { } later
            ? $"snapshot '{later.Description}' was taken since the last backup: what changed lies in more than one layer"
            : null;
    }
}
