// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Ledger;

/// <summary>
/// Ends what a ledger entry stands for, in single steps: each call looks at the engine, asks for the next thing and returns. Callers repeat
/// while they get <see cref="CleanupResult.Waiting"/>. Order between kinds is the caller's: transfers, exported VM, clone, backup, VM, disks.
/// </summary>
internal sealed partial class EngineCleanup(EngineLedger ledger, IEngineDirectory engines, Installation installation, TimeProvider time, ServerOptions options)
{
    /// <summary>Finishes (a success) or cancels an image transfer.</summary>
    public async Task<CleanupResult> EndTransferAsync(LedgerEntry entry, bool finish, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        if (entry.EngineId is null && !await AdoptTransferAsync(engine, entry, cancellationToken))
        {
            return await CloseWhenTooOldAsync(entry, cancellationToken);
        }

        var transfer = await engine.FindTransferAsync(entry.EngineId!.Value, cancellationToken);
        switch (transfer?.Phase)
        {
            case null:
                await ledger.CloseAsync(entry, "gone", cancellationToken);
                return CleanupResult.Gone;
            case EngineTransferPhase.Succeeded:
                await ledger.CloseAsync(entry, "finished", cancellationToken);
                return CleanupResult.Succeeded;
            case EngineTransferPhase.Failed:
                await ledger.CloseAsync(entry, "ended without success", cancellationToken);
                return CleanupResult.Failed;
            case EngineTransferPhase.Ending:
                return CleanupResult.Waiting;
            case EngineTransferPhase.Transferring when finish:
                await engine.FinalizeTransferAsync(transfer.Id, entry.Id, cancellationToken);
                return CleanupResult.Waiting;
            default:
                await engine.CancelTransferAsync(transfer.Id, entry.Id, cancellationToken);
                return CleanupResult.Waiting;
        }
    }

    /// <summary>Ends a backup; with <paramref name="dropCheckpoint"/> also removes the checkpoint it made, because no committed point stands on it.</summary>
    public async Task<CleanupResult> EndBackupAsync(LedgerEntry entry, bool dropCheckpoint, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        var backup = await engine.FindBackupAsync(entry.ParentId, entry.Id, cancellationToken);
        if (backup is null && entry.State == LedgerState.Intent && !IsTooOldToArrive(entry))
        {
            return CleanupResult.Waiting;
        }

        if (backup is { Phase: EngineBackupPhase.Starting or EngineBackupPhase.Ready })
        {
            await engine.FinalizeBackupAsync(entry.ParentId, entry.Id, entry.Id, cancellationToken);
            return CleanupResult.Waiting;
        }

        if (backup is { Phase: EngineBackupPhase.Finalizing })
        {
            return CleanupResult.Waiting;
        }

        if (dropCheckpoint && !await DropCheckpointsAsync(engine, entry, cancellationToken))
        {
            return CleanupResult.Waiting;
        }

        var note = backup is null ? "gone" : backup.Phase.ToString();
        await ledger.CloseAsync(entry, note, cancellationToken);
        return backup?.Phase switch
        {
            null => CleanupResult.Gone,
            EngineBackupPhase.Succeeded => CleanupResult.Succeeded,
            _ => CleanupResult.Failed,
        };
    }

    /// <summary>Deletes a snapshot that no point needs; done when its layers are merged.</summary>
    public async Task<CleanupResult> RemoveSnapshotAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        var snapshot = entry.EngineId is { } id
            ? await engine.FindSnapshotAsync(entry.ParentId, id, cancellationToken)
            : (await engine.ListSnapshotsAsync(entry.ParentId, cancellationToken)).FirstOrDefault(
                candidate => EngineMarker.IsOfJob(candidate.Description, installation.InstanceId, entry.JobId));
        if (snapshot is null)
        {
            if (entry.State == LedgerState.Intent && !IsTooOldToArrive(entry))
            {
                return CleanupResult.Waiting;
            }

            await ledger.CloseAsync(entry, "gone", cancellationToken);
            return CleanupResult.Gone;
        }

        if (!EngineMarker.IsOfJob(snapshot.Description, installation.InstanceId, entry.JobId))
        {
            await ledger.CloseAsync(entry, $"left alone: snapshot '{snapshot.Description}' no longer carries our mark", cancellationToken);
            return CleanupResult.LeftAlone;
        }

        if (!snapshot.Locked)
        {
            await engine.DeleteSnapshotAsync(entry.ParentId, snapshot.Id, entry.Id, cancellationToken);
        }

        return CleanupResult.Waiting;
    }

    /// <summary>Takes a disk off the worker's VM: unplugged first, then detached.</summary>
    public async Task<CleanupResult> DetachAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        var (diskId, vmId) = (entry.ParentId, entry.EngineId ?? throw new InvalidOperationException($"Attachment {entry.Id} names no VM."));
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        switch ((await engine.ListAttachmentsAsync(vmId, cancellationToken)).FirstOrDefault(attached => attached.DiskId == diskId))
        {
            case null when entry.State == LedgerState.Intent && !IsTooOldToArrive(entry):
                return CleanupResult.Waiting;
            case null:
                await ledger.CloseAsync(entry, "detached", cancellationToken);
                return CleanupResult.Gone;
            case { Active: true }:
                await engine.UnplugDiskAsync(vmId, diskId, entry.Id, cancellationToken);
                return CleanupResult.Waiting;
            default:
                await engine.DetachDiskAsync(vmId, diskId, entry.Id, cancellationToken);
                return CleanupResult.Waiting;
        }
    }

    /// <summary>Gives a VM its own disk back.</summary>
    /// <param name="entry">The disk and the VM.</param>
    /// <param name="disk">How it was joined; null when nobody knows any more.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<CleanupResult> AttachBackAsync(LedgerEntry entry, ReplacedDisk? disk, CancellationToken cancellationToken)
    {
        var (diskId, vmId) = (entry.ParentId, entry.EngineId ?? throw new InvalidOperationException($"Detachment {entry.Id} names no VM."));
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        if (await engine.FindVmAsync(vmId, cancellationToken) is not { } vm || await engine.FindDiskAsync(diskId, cancellationToken) is null)
        {
            await ledger.CloseAsync(entry, "VM or disk is gone", cancellationToken);
            return CleanupResult.Gone;
        }

        if (vm.Disks.Any(own => own.Id == diskId))
        {
            // A request to detach it may still be on its way.
            if (entry.State == LedgerState.Intent && !IsTooOldToArrive(entry))
            {
                return CleanupResult.Waiting;
            }

            await ledger.CloseAsync(entry, "attached again", cancellationToken);
            return CleanupResult.Succeeded;
        }

        var slot = new EngineDiskSlot(disk?.Interface ?? "virtio_scsi", disk?.Bootable ?? false, disk?.Active ?? true);
        try
        {
            await engine.AttachDiskAsync(vmId, diskId, slot, entry.Id, cancellationToken);
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            // A VM without its disk is worth more than one try.
        }

        return CleanupResult.Waiting;
    }

    /// <summary>Removes a disk of a restore that is not kept.</summary>
    /// <param name="entry">The disk.</param>
    /// <param name="holder">A VM that it may be attached to; it is detached first.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public async Task<CleanupResult> RemoveDiskAsync(LedgerEntry entry, Guid? holder, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        var disk = await engine.FindDiskAsync(entry.Id, cancellationToken);
        if (disk is null)
        {
            if (entry.State == LedgerState.Intent && !IsTooOldToArrive(entry))
            {
                return CleanupResult.Waiting;
            }

            await ledger.CloseAsync(entry, "gone", cancellationToken);
            return CleanupResult.Gone;
        }

        if (!EngineMarker.IsOfJob(disk.Description, installation.InstanceId, entry.JobId))
        {
            await ledger.CloseAsync(entry, $"left alone: disk {disk.Alias} no longer carries our mark", cancellationToken);
            return CleanupResult.LeftAlone;
        }

        if (holder is { } vmId && (await engine.ListAttachmentsAsync(vmId, cancellationToken)).FirstOrDefault(attached => attached.DiskId == disk.Id) is { } attachment)
        {
            await (attachment.Active
                ? engine.UnplugDiskAsync(vmId, disk.Id, entry.Id, cancellationToken)
                : engine.DetachDiskAsync(vmId, disk.Id, entry.Id, cancellationToken));
            return CleanupResult.Waiting;
        }

        if (disk.Status != "locked")
        {
            await engine.DeleteDiskAsync(disk.Id, entry.Id, cancellationToken);
        }

        return CleanupResult.Waiting;
    }

    /// <summary>Removes a VM that is not kept; its disks have entries of their own, but those of a clone go with it.</summary>
    public async Task<CleanupResult> RemoveVmAsync(LedgerEntry entry, string name, CancellationToken cancellationToken)
    {
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        var vm = entry.EngineId is { } id
            ? await engine.FindVmAsync(id, cancellationToken)
            : (await engine.FindVmsByNameAsync(name, cancellationToken)).FirstOrDefault(
                candidate => EngineMarker.IsOfJob(candidate.Description, installation.InstanceId, entry.JobId));
        if (vm is null)
        {
            if (entry.State == LedgerState.Intent && !IsTooOldToArrive(entry))
            {
                return CleanupResult.Waiting;
            }

            await ledger.CloseAsync(entry, "gone", cancellationToken);
            return CleanupResult.Gone;
        }

        if (!EngineMarker.IsOfJob(vm.Description, installation.InstanceId, entry.JobId))
        {
            await ledger.CloseAsync(entry, $"left alone: VM {vm.Name} no longer carries our mark", cancellationToken);
            return CleanupResult.LeftAlone;
        }

        if (vm.Status != "image_locked")
        {
            await (entry.Kind == LedgerKind.ClonedVm
                ? engine.DeleteVmWithDisksAsync(vm.Id, entry.Id, cancellationToken)
                : engine.DeleteVmAsync(vm.Id, entry.Id, cancellationToken));
        }

        return CleanupResult.Waiting;
    }

    /// <summary>Looks for the transfer of an intent whose answer was lost: a transfer of that disk which the ledger does not know.</summary>
    public async Task<bool> AdoptTransferAsync(IEngine engine, LedgerEntry entry, CancellationToken cancellationToken)
    {
        foreach (var transfer in await engine.ListTransfersAsync(cancellationToken))
        {
            if (transfer.DiskId == entry.ParentId && !transfer.IsEnded && !await ledger.IsKnownAsync(transfer.Id, cancellationToken)
                && await IsOursAsync(engine, entry, transfer, cancellationToken))
            {
                await ledger.ConfirmAsync(entry, transfer.Id, cancellationToken);
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// A transfer cannot carry our mark. An upload is ours when its disk is; a download is ours when our own backup or snapshot still holds the disk.
    /// </summary>
    private async Task<bool> IsOursAsync(IEngine engine, LedgerEntry entry, EngineTransfer transfer, CancellationToken cancellationToken)
    {
        if (transfer.Upload)
        {
            var disk = await engine.FindDiskAsync(transfer.DiskId, cancellationToken);
            return disk is not null && EngineMarker.IsOfJob(disk.Description, installation.InstanceId, entry.JobId);
        }

        if (await ledger.FindOpenAsync(LedgerKind.Snapshot, LedgerOwner.OfJob(entry.ManagerId, entry.JobId), cancellationToken) is { EngineId: { } snapshotId } held)
        {
            return await engine.FindSnapshotAsync(held.ParentId, snapshotId, cancellationToken) is not null;
        }

        var backupEntry = await ledger.FindOpenAsync(LedgerKind.Backup, LedgerOwner.OfJob(entry.ManagerId, entry.JobId), cancellationToken);
        if (backupEntry is null)
        {
            return false;
        }

        var backup = await engine.FindBackupAsync(backupEntry.ParentId, backupEntry.Id, cancellationToken);
        return backup is { Phase: EngineBackupPhase.Ready };
    }

    private async Task<bool> DropCheckpointsAsync(IEngine engine, LedgerEntry entry, CancellationToken cancellationToken)
    {
        var checkpoints = await engine.ListCheckpointsAsync(entry.ParentId, cancellationToken);
        var ours = checkpoints.Where(checkpoint => EngineMarker.IsOfJob(checkpoint.Description, installation.InstanceId, entry.JobId)).ToList();
        foreach (var checkpoint in ours)
        {
            await engine.DeleteCheckpointAsync(entry.ParentId, checkpoint.Id, entry.Id, cancellationToken);
        }

        return ours.Count == 0;
    }

    private async Task<CleanupResult> CloseWhenTooOldAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        if (!IsTooOldToArrive(entry))
        {
            return CleanupResult.Waiting;
        }

        await ledger.CloseAsync(entry, "never carried out", cancellationToken);
        return CleanupResult.Gone;
    }

    private bool IsTooOldToArrive(LedgerEntry entry) => time.GetUtcNow() - entry.Created > options.RequestLifetime;
}
