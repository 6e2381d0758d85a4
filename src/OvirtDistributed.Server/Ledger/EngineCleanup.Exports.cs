// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

internal sealed partial class EngineCleanup
{
    /// <summary>Deletes a VM with its images from an export domain. It is there under an id that only we gave.</summary>
    public async Task<CleanupResult> RemoveExportedAsync(LedgerEntry entry, CancellationToken cancellationToken)
    {
        var (domainId, vmId) = (entry.ParentId, entry.EngineId ?? throw new InvalidOperationException($"Exported VM {entry.Id} has no id."));
        var engine = (await engines.OpenAsync(entry.ManagerId, cancellationToken)).Engine;
        if (await engine.IsExportedAsync(domainId, vmId, cancellationToken))
        {
            // Once it was there, its absence says that it is gone, not that it is still to come.
            await ledger.ConfirmAsync(entry, vmId, cancellationToken);
            await engine.DeleteExportedAsync(domainId, vmId, entry.Id, cancellationToken);
            return CleanupResult.Waiting;
        }

        // An export that still runs ends with a VM that is there.
        var running = await engine.FindVmAsync(vmId, cancellationToken) is { Status: "image_locked" };
        if (running || (entry.State == LedgerState.Intent && !IsTooOldToArrive(entry)))
        {
            return CleanupResult.Waiting;
        }

        await ledger.CloseAsync(entry, "gone", cancellationToken);
        return CleanupResult.Gone;
    }
}
