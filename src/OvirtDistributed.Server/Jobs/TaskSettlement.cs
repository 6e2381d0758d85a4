// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// Moves the tasks of a job on between a worker's word and the next attempt: closes what belonged to the attempt on the engine, fences it at the
/// Data Mover, and offers again or gives up. Single steps; the copying and the undoing step call it until every task has ended.
/// </summary>
internal sealed class TaskSettlement(
    TaskLeases leases, EngineLedger ledger, EngineCleanup cleanup, IEngineDirectory engines, IDataMover mover, PreparationLocks locks, IClusterQueues queues,
    ServerInstruments instruments, ServerOptions options)
{
    // Beyond this an offer counts as lost even though others still wait in its queue.
    private static readonly TimeSpan LongestWaitInQueue = TimeSpan.FromHours(1);

    /// <summary>One round over all tasks.</summary>
    /// <param name="step">The job's step.</param>
    /// <param name="stop">True when nothing may be offered any more.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task SettleAsync(StepContext step, bool stop, CancellationToken cancellationToken)
    {
        var lost = await leases.ExpireAsync(step.Job.Id, cancellationToken);
        if (lost > 0)
        {
            step.Warning($"{lost} attempt(s) lost: the worker was not heard of in time");
            foreach (var task in step.Job.Tasks)
            {
                await step.Database.Entry(task).ReloadAsync(cancellationToken);
            }
        }

        foreach (var task in step.Job.Tasks)
        {
            await SettleTaskAsync(step, task, stop, cancellationToken);
        }
    }

    private async Task SettleTaskAsync(StepContext step, DiskTask task, bool stop, CancellationToken cancellationToken)
    {
        switch (task.State)
        {
            case TaskState.Offered when stop:
                task.State = TaskState.Cancelled;
                task.Message = "";
                break;
            case TaskState.Offered when step.Now - task.Offered > options.OfferAgainAfter:
                await OfferAgainAsync(step, task, cancellationToken);
                break;
            case TaskState.Closing:
                await CloseAsync(step, task, cancellationToken);
                break;
            case TaskState.Recovering:
                await RecoverAsync(step, task, stop, cancellationToken);
                break;
        }
    }

    /// <summary>
    /// Offers wait in order: while there are any in the cluster's queue, this one is among them or is known to be lost once they are taken. Publishing
    /// it anyway would fill the queue with copies as long as no worker listens or all are busy.
    /// </summary>
    private async Task OfferAgainAsync(StepContext step, DiskTask task, CancellationToken cancellationToken)
    {
        var queue = await ReadQueueAsync(task, cancellationToken);
        if (queue is { Messages: > 0 } && step.Now - task.Published < LongestWaitInQueue)
        {
            task.Offered = step.Now;
            task.Message = queue.Consumers > 0
                ? $"waits in the queue: {queue.Messages} offer(s), {queue.Consumers} worker(s) listen"
                : "waits in the queue: no worker of the cluster listens; start one, or free a slot";
            return;
        }

        Offer(step, task);
        step.Warning($"disk {task.DiskAlias}: nobody took attempt {task.Attempt}, offered again. {task.Message}", task.Id);
    }

    private async Task<QueueState?> ReadQueueAsync(DiskTask task, CancellationToken cancellationToken)
    {
        try
        {
            return await queues.ReadAsync(ClusterQueue.NameOf(task.ClusterId), cancellationToken);
        }
        catch (OfferException)
        {
            return null; // The outbox keeps the offer until the bus is back.
        }
    }

    /// <summary>Writes an offer of the present attempt; it is published after the step was saved.</summary>
    public void Offer(StepContext step, JobTask task)
    {
        task.Offered = step.Now;
        task.Published = step.Now;
        step.Database.Outbox.Add(new OutboxOffer
        {
            TaskId = task.Id,
            JobId = task.JobId,
            ClusterId = task.ClusterId,
            Attempt = task.Attempt,
            Created = step.Now,
            NotBefore = step.Now,
        });
    }

    private async Task CloseAsync(StepContext step, DiskTask task, CancellationToken cancellationToken)
    {
        await using var turn = await locks.EnterAsync(task.Id, cancellationToken);
        var owner = OwnerOf(step.Job, task);
        var ended = await EndWayAsync(owner, finish: true, cancellationToken);
        if (ended == CleanupResult.Waiting && !await IsStuckAsync(step, task, cancellationToken))
        {
            return;
        }

        if (ended == CleanupResult.Waiting && step.Job.Kind == JobKind.Restore)
        {
            GiveUp(step, task, $"disk {task.DiskAlias}: the manager did not finish with it within {options.TransferEndPatience}");
            return;
        }

        if (ended == CleanupResult.Waiting)
        {
            // Every byte is durable: only the manager's bookkeeping hangs, which must not cost the point.
            step.Job.Warn($"The manager did not release disk {task.DiskAlias} within {options.TransferEndPatience}; the disk may stay locked until it does.");
        }

        if (step.Job.Kind == JobKind.Restore && !await AcceptTargetAsync(step, task, owner, ended, cancellationToken))
        {
            return;
        }

        task.State = TaskState.Done;
        task.Ended = step.Now;
        task.Message = "";
        instruments.OnAttemptEnded("succeeded");
        var worker = await step.Database.Workers.Where(row => row.Id == task.WorkerId).Select(row => row.Name).FirstOrDefaultAsync(cancellationToken);
        step.Info($"disk {task.DiskAlias}: done by {worker ?? task.WorkerId} in attempt {task.Attempt}", task.Id);
        await TellRescueAsync(step, task, cancellationToken);
    }

    /// <summary>A disk that needed copies is a good one; what they could not repair needs attention. A verification records what is damaged by itself.</summary>
    private static async Task TellRescueAsync(StepContext step, DiskTask task, CancellationToken cancellationToken)
    {
        if (task.Rescue is not { } rescue)
        {
            return;
        }

        var repository = (await step.Database.RepositoryOfAsync(step.Job, cancellationToken)).Name;
        foreach (var note in rescue.Notes(task.DiskAlias, repository))
        {
            step.Warning(note, task.Id);
            step.Job.Note(note);
        }

        foreach (var warning in step.Job.Kind == JobKind.Restore ? rescue.Warnings(task.DiskAlias, repository) : [])
        {
            step.Warning(warning, task.Id);
            step.Job.Warn(warning);
        }
    }

    private async Task<bool> IsStuckAsync(StepContext step, DiskTask task, CancellationToken cancellationToken)
    {
        var reported = await step.Database.Attempts.AsNoTracking()
            .Where(attempt => attempt.TaskId == task.Id && attempt.Number == task.Attempt)
            .Select(attempt => attempt.Ended)
            .FirstOrDefaultAsync(cancellationToken);
        return step.Now - reported > options.TransferEndPatience;
    }

    /// <summary>An upload counts only when the engine has verified it and the disk is ok.</summary>
    private async Task<bool> AcceptTargetAsync(StepContext step, DiskTask task, LedgerOwner owner, CleanupResult ended, CancellationToken cancellationToken)
    {
        if (step.Job.Restore!.Export is not null)
        {
            // The manager looks at it when it imports the VM.
            task.TargetDiskId = task.Id;
            return true;
        }

        var entry = await ledger.FindOpenAsync(LedgerKind.Disk, owner, cancellationToken);
        var engine = (await engines.OpenAsync(step.Job.ManagerId, cancellationToken)).Engine;
        var disk = (task.Plan?.InPlaceDiskId ?? entry?.Id) is { } diskId ? await engine.FindDiskAsync(diskId, cancellationToken) : null;
        if (disk is { Status: "locked" } && ended != CleanupResult.Failed)
        {
            return false;
        }

        if (disk is { Status: "ok" } && ended != CleanupResult.Failed)
        {
            task.TargetDiskId = disk.Id;
            return true;
        }

        task.State = TaskState.Recovering;
        task.Message = "the manager did not accept the upload";
        return false;
    }

    private async Task RecoverAsync(StepContext step, DiskTask task, bool stop, CancellationToken cancellationToken)
    {
        await using var turn = await locks.EnterAsync(task.Id, cancellationToken);
        if (!await ClosePathAsync(step, task, cancellationToken))
        {
            return;
        }

        // Durable before anything is offered: a worker that comes back from a pause finds the door shut.
        var repository = await step.Database.RepositoryOfAsync(step.Job, cancellationToken);
        try
        {
            await mover.FenceAsync(repository.Address(), task.Id, task.FencingToken + 1, cancellationToken);
        }
        catch (MoverException failure) when (failure.IsPassing && step.Job.Kind == JobKind.Restore)
        {
            // An old attempt only reads there, and its disk is gone: nobody waits for a repository that a copy stands in for.
            step.Warning($"disk {task.DiskAlias}: the old attempt was not shut out of repository {repository.Name}: {failure.Message}", task.Id);
        }
        catch (MoverException failure) when (failure.IsPassing && !stop)
        {
            await WaitForFenceAsync(step, task, failure.Message, cancellationToken);
            return;
        }

        var attempt = await step.Database.Attempts.AsNoTracking()
            .FirstOrDefaultAsync(row => row.TaskId == task.Id && row.Number == task.Attempt, cancellationToken);
        instruments.OnAttemptEnded(attempt?.FailureCode ?? "lost");
        if (!stop && await ExplainDeadSourceAsync(step.Job, cancellationToken) is { } reason)
        {
            GiveUp(step, task, $"disk {task.DiskAlias}: {reason}");
            return;
        }

        Decide(step, task, attempt?.FailureCode, stop);
    }

    /// <summary>Nothing may go on before the old attempt is shut out; but nobody waits for a backup that the manager has ended meanwhile.</summary>
    private async Task WaitForFenceAsync(StepContext step, DiskTask task, string problem, CancellationToken cancellationToken)
    {
        if (await ExplainDeadSourceAsync(step.Job, cancellationToken) is { } reason)
        {
            GiveUp(step, task, $"disk {task.DiskAlias}: {reason}");
            return;
        }

        var message = $"waits for the Data Mover, which must shut out the old attempt first: {problem}";
        if (task.Message != message)
        {
            task.Message = message;
            step.Warning($"disk {task.DiskAlias}: {message}", task.Id);
        }

        step.Job.Message = $"Disk {task.DiskAlias} {message}";
    }

    /// <summary>An engine backup that is over gives no further attempt anything to read; null while it is fine.</summary>
    private async Task<string?> ExplainDeadSourceAsync(Job job, CancellationToken cancellationToken)
    {
        if (job.Backup is not { EngineBackupId: { } backupId } details)
        {
            return null;
        }

        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        if (details.Export is { CloneId: { } clone } export)
        {
            return await engine.IsExportedAsync(export.DomainId, clone, cancellationToken) ? null : $"VM {clone}, from which the disk is read, was deleted from export domain {export.DomainName}";
        }

        if (Backup.TransportModes.UsesSnapshot(details.TransportMode))
        {
            return await engine.FindSnapshotAsync(job.VmId, backupId, cancellationToken) is null ? $"snapshot {backupId}, from which the disk is read, was deleted on the manager" : null;
        }

        var backup = await engine.FindBackupAsync(job.VmId, backupId, cancellationToken);
        switch (backup?.Phase)
        {
            case EngineBackupPhase.Ready:
                return null;
            case EngineBackupPhase.Failed:
                var failure = await engine.ExplainBackupFailureAsync(job.VmId, backupId, details.RequireConsistency, cancellationToken);
                return $"the manager ended the backup: {failure.Message}";
            default:
                return $"the manager ended the backup ({backup?.Phase.ToString() ?? "gone"}) before the disk was read";
        }
    }

    private static void GiveUp(StepContext step, DiskTask task, string message)
    {
        task.State = TaskState.Failed;
        task.Ended = step.Now;
        task.Message = message;
        step.Error(message, task.Id);
    }

    private void Decide(StepContext step, DiskTask task, string? failureCode, bool stop)
    {
        if (stop)
        {
            task.State = TaskState.Cancelled;
            return;
        }

        var verdict = AttemptVerdict.Of(failureCode);
        task.Faults += verdict.CostsAttempt ? 1 : 0;
        if (verdict.Hopeless || task.Faults >= options.MaxAttempts)
        {
            GiveUp(step, task, verdict.Hopeless
                ? $"disk {task.DiskAlias}: {task.Message}"
                : $"disk {task.DiskAlias}: {task.Faults} attempts failed, the last one with: {task.Message}");
            return;
        }

        if (verdict.ReadFull && task.Incremental)
        {
            task.Incremental = false;
            task.ModeReason = "the dirty extents could not be read";
            step.Warning($"disk {task.DiskAlias}: {task.ModeReason}, it is read in full", task.Id);
        }

        step.Warning($"disk {task.DiskAlias}: attempt {task.Attempt} ended ({failureCode ?? "Lost"}: {task.Message}), offering the next", task.Id);
        task.Attempt++;
        task.State = TaskState.Offered;
        task.WorkerId = null;
        task.ProgressSequence = 0;
        Offer(step, task);
    }

    /// <summary>The way the data came or went: an image transfer, or a disk attached to the worker's VM.</summary>
    private async Task<CleanupResult> EndWayAsync(LedgerOwner owner, bool finish, CancellationToken cancellationToken)
    {
        if (await ledger.FindOpenAsync(LedgerKind.ImageTransfer, owner, cancellationToken) is { } transfer)
        {
            return await cleanup.EndTransferAsync(transfer, finish, cancellationToken);
        }

        return await ledger.FindOpenAsync(LedgerKind.Attachment, owner, cancellationToken) is { } attachment
            ? await cleanup.DetachAsync(attachment, cancellationToken)
            : CleanupResult.Gone;
    }

    /// <summary>Transfer first, then the disk it wrote to: the engine refuses the other order.</summary>
    private async Task<bool> ClosePathAsync(StepContext step, DiskTask task, CancellationToken cancellationToken)
    {
        var owner = OwnerOf(step.Job, task);
        if (await EndWayAsync(owner, finish: false, cancellationToken) == CleanupResult.Waiting)
        {
            return false;
        }

        return await ledger.FindOpenAsync(LedgerKind.Disk, owner, cancellationToken) is not { } disk
            || await cleanup.RemoveDiskAsync(disk, holder: null, cancellationToken) != CleanupResult.Waiting;
    }

    private static LedgerOwner OwnerOf(Job job, DiskTask task) => new(job.ManagerId, job.Id, task.Id, task.Attempt);
}
