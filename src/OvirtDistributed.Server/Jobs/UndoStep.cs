// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Takes back what the job made, in the order the engine needs. What it cannot within its patience stays in the ledger for the reconciler.</summary>
internal sealed class UndoStep(
    JobKind kind, TaskSettlement settlement, EngineLedger ledger, EngineCleanup cleanup, IEngineDirectory engines, IDataMover mover, ServerOptions options) : IJobStep
{
    public JobKind Kind => kind;

    public JobState State => JobState.Undoing;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var settled = false;
        try
        {
            settled = await UndoAsync(context, cancellationToken);
        }
        catch (Exception failure) when (failure is EngineException or MoverException)
        {
            if (context.InStep <= options.UndoPatience)
            {
                throw;
            }

            context.Warning(failure.Message);
        }

        if (!settled && context.InStep <= options.UndoPatience)
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (!settled)
        {
            context.Job.Note("something could not be removed from the manager yet; the reconciler goes on with it");
            foreach (var task in context.Job.Tasks.Where(task => !task.IsEnded))
            {
                task.State = TaskState.Cancelled;
            }
        }

        return StepResult.Next(context.Job is { CancelRequested: true, Message: "" } ? JobEvent.UndoneAfterCancel : JobEvent.Undone);
    }

    private async Task<bool> UndoAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        await settlement.SettleAsync(context, stop: true, cancellationToken);
        if (job.Tasks.Any(task => !task.IsEnded))
        {
            return false;
        }

        // A guest that stays frozen keeps nobody from taking back the rest: GuestFreezes goes on with it by itself.
        var open = (await ledger.ListOpenAsync(job.Id, cancellationToken)).Where(entry => entry.Kind != LedgerKind.GuestFreeze);
        foreach (var entry in open.OrderBy(entry => OrderOf(entry.Kind)))
        {
            switch (await EndAsync(job, entry, cancellationToken))
            {
                case CleanupResult.Waiting:
                    return false;
                case CleanupResult.LeftAlone:
                    job.Note($"{entry.Kind} {entry.EngineId ?? entry.Id} was left on the manager: its description no longer says that this job made it");
                    break;
            }
        }

        if (kind is JobKind.Backup or JobKind.Copy)
        {
            var repository = await context.Database.RepositoryOfAsync(job, cancellationToken);
            await mover.AbortJobAsync(repository.Address(), job.Id, [.. job.Tasks.Select(task => task.Id)], cancellationToken);
        }

        await PowerOnAgainAsync(job, cancellationToken);

        return true;
    }

    /// <summary>A VM that was powered off to be overwritten, and that has all its own disks as they were, runs again as it did.</summary>
    private async Task PowerOnAgainAsync(Job job, CancellationToken cancellationToken)
    {
        if (job.Restore is { Scope: RestoreScope.InPlace } && job.Tasks.Any(task => task.Started is not null))
        {
            job.Note($"disk {job.Tasks[0].DiskAlias} may hold the restore point in part and in part what it held before: restore it again before the VM is started");
            return;
        }

        if (job.Restore is not { PoweredOff: true, NewVmId: { } vmId } details)
        {
            return;
        }

        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var vm = await engine.FindVmAsync(vmId, cancellationToken);
        if (vm is { Status: "down" } && details.Replaced.All(old => vm.Disks.Any(disk => disk.Id == old.DiskId)))
        {
            await engine.StartVmAsync(vmId, job.Id, cancellationToken);
            job.Note($"VM {vm.Name} was powered off for the restore and was started again");
        }
    }

    private Task<CleanupResult> EndAsync(Job job, LedgerEntry entry, CancellationToken cancellationToken) => entry.Kind switch
    {
        LedgerKind.ImageTransfer => cleanup.EndTransferAsync(entry, finish: false, cancellationToken),
        LedgerKind.Backup => cleanup.EndBackupAsync(entry, dropCheckpoint: true, cancellationToken),
        LedgerKind.Attachment => cleanup.DetachAsync(entry, cancellationToken),
        LedgerKind.Snapshot => cleanup.RemoveSnapshotAsync(entry, cancellationToken),
        LedgerKind.Detachment => cleanup.AttachBackAsync(entry, job.Restore?.Replaced.FirstOrDefault(disk => disk.DiskId == entry.ParentId), cancellationToken),
        LedgerKind.ExportedVm => cleanup.RemoveExportedAsync(entry, cancellationToken),
        LedgerKind.Vm or LedgerKind.ClonedVm => cleanup.RemoveVmAsync(entry, job.Restore?.NewName ?? ExportedImages.CloneName(job.Id), cancellationToken),
        LedgerKind.Disk => cleanup.RemoveDiskAsync(entry, job.Restore?.HolderOfDisks(), cancellationToken),
        _ => throw new InvalidOperationException($"Ledger kind {entry.Kind} has no undo."),
    };

    /// <summary>
    /// Transfers and attachments before the backup or snapshot they read from and before a disk goes back to its VM, what was exported before the clone it was made of, and that before its snapshot;
    /// the VM before its disks.
    /// </summary>
    internal static int OrderOf(LedgerKind ledgerKind) => ledgerKind switch
    {
        LedgerKind.ImageTransfer or LedgerKind.Attachment => 0,
        LedgerKind.ExportedVm => 1,
        LedgerKind.ClonedVm => 2,
        LedgerKind.Backup or LedgerKind.Snapshot or LedgerKind.Detachment => 3,
        LedgerKind.Vm => 4,
        _ => 5,
    };
}
