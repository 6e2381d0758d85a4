// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Leases;

/// <summary>Attaches the disk of an attempt to the VM in which the attempt's worker runs.</summary>
internal sealed class WorkerAttachments(IDbContextFactory<ServerDbContext> contexts, TaskLeases leases, EngineLedger ledger, PreparationLocks locks, ServerOptions options)
{
    /// <summary>Idempotent for the attempt. Nothing is attached for one whose lease was lost meanwhile.</summary>
    /// <param name="engine">The VM's manager.</param>
    /// <param name="owner">The attempt.</param>
    /// <param name="claim">Its lease.</param>
    /// <param name="diskId">The disk.</param>
    /// <param name="snapshotId">The snapshot to show of it; null for the disk itself.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EngineException">The worker is in no VM of this manager, the disk is attached there otherwise, or the engine refused.</exception>
    public async Task AttachAsync(IEngine engine, LedgerOwner owner, LeaseClaim claim, Guid diskId, Guid? snapshotId, CancellationToken cancellationToken)
    {
        var (worker, vmId) = await FindVmAsync(engine, claim.WorkerId, cancellationToken);

        // One at a time for a VM, as the manager plugs them: else all slots of a worker would find the same room at once.
        await using var turn = await locks.EnterAsync(vmId, cancellationToken);

        // The turn may have taken longer than the lease: the disk would be plugged for nobody, and be in the way of the next attempt.
        if (!await leases.IsHeldAsync(claim, cancellationToken))
        {
            return;
        }

        var attached = await engine.ListAttachmentsAsync(vmId, cancellationToken);
        var found = attached.FirstOrDefault(attachment => attachment.DiskId == diskId);
        var entry = await ledger.FindOpenAsync(LedgerKind.Attachment, owner, cancellationToken);
        if (found is not null && entry is null)
        {
            throw new EngineException(EngineFailure.Locked, $"Disk {diskId} is attached to the VM of worker {worker} already: it is one of its own, or somebody else uses it there. Detach it, or choose another mode (--mode).");
        }

        if (found is null && attached.Count >= options.MaxAttachedDisks)
        {
            throw new EngineException(EngineFailure.Locked, $"The VM of worker {worker} has {attached.Count} disks attached, the limit is {options.MaxAttachedDisks} (Server:MaxAttachedDisks).");
        }

        entry ??= await ledger.OpenAsync(LedgerKind.Attachment, owner, diskId, vmId, cancellationToken);
        if (found is null)
        {
            await AttachAsync(engine, entry, worker, snapshotId, vmId, cancellationToken);
        }

        await ledger.ConfirmAsync(entry, vmId, cancellationToken);
    }

    private async Task AttachAsync(IEngine engine, LedgerEntry entry, string worker, Guid? snapshotId, Guid vmId, CancellationToken cancellationToken)
    {
        try
        {
            await engine.AttachToWorkerAsync(vmId, entry.ParentId, snapshotId, entry.Id, cancellationToken);
        }
        catch (EngineException failure)
        {
            // The answer may be lost, the attachment may be there all the same.
            if ((await engine.ListAttachmentsAsync(vmId, cancellationToken)).Any(attachment => attachment.DiskId == entry.ParentId))
            {
                return;
            }

            if (failure.IsPassing)
            {
                throw;
            }

            await ledger.CloseAsync(entry, failure.Message, cancellationToken);
            throw new EngineException(
                failure.Failure,
                $"{failure.Message.TrimEnd('.')}. Disk {entry.ParentId} was to be plugged into the VM of worker {worker} over VirtIO-SCSI: enable that for the VM (on the manager: "
                + "edit the VM, Resource Allocation), or choose another mode (--mode).",
                failure);
        }
    }

    private async Task<(string Worker, Guid VmId)> FindVmAsync(IEngine engine, string workerId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var worker = await context.Workers.AsNoTracking().FirstOrDefaultAsync(row => row.Id == workerId, cancellationToken);
        if (!Guid.TryParse(worker?.SystemUuid, out var vmId))
        {
            throw new EngineException(EngineFailure.Refused, $"Worker {worker?.Name ?? workerId} does not say which VM it runs in, so nothing can be attached to it: run it as root, or set Worker:SystemUuid to the id of its VM on the manager; or choose another mode (--mode).");
        }

        return await engine.FindVmAsync(vmId, cancellationToken) is { Status: "up" or "down" or "paused" }
            ? (worker!.Name, vmId)
            : throw new EngineException(
                EngineFailure.Refused,
                $"Worker {worker!.Name} says it runs in VM {vmId}, which the manager does not have, or which is not up: set its Worker:SystemUuid to the id of its VM on the manager, or choose another mode (--mode).");
    }
}
