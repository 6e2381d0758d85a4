// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Leases;

/// <summary>
/// Finds the layer whose file a worker reads next, on managers that give files of layers. Such a manager ends with a transfer what any other
/// one of the same disk needs on the host, so there is one at a time.
/// </summary>
internal sealed class VolumePreparation(EngineLedger ledger, EngineCleanup cleanup, TimeProvider time, ServerOptions options)
{
    /// <summary>The layer that was asked for, which must be one of the disk; the snapshot's own when none was.</summary>
    /// <exception cref="EngineException">The manager does not list it.</exception>
    public async Task<VolumeOrder> FindAsync(IEngine engine, Job job, DiskTask task, Guid? volumeId, CancellationToken cancellationToken)
    {
        var details = job.Backup!;
        var wanted = volumeId ?? details.Layers[task.DiskId];
        var file = (await engine.ListVolumeFilesAsync(job.VmId, task.DiskId, cancellationToken)).FirstOrDefault(candidate => candidate.Id == wanted)
            ?? throw new EngineException(
                EngineFailure.Failed, $"Layer {wanted} of disk {task.DiskAlias} is neither in one of the VM's snapshots nor a disk of its template: was a snapshot deleted while the backup ran?");
        return new VolumeOrder(file, task.Incremental ? await FindBaseAsync(engine, job, task, cancellationToken) : null);
    }

    /// <summary>Ends the attempt's open transfer and waits until the manager is done with it. Idempotent.</summary>
    /// <exception cref="EngineException">The manager was not done in time.</exception>
    public async Task EndOpenAsync(LedgerOwner owner, CancellationToken cancellationToken)
    {
        var started = time.GetUtcNow();
        while (await ledger.FindOpenAsync(LedgerKind.ImageTransfer, owner, cancellationToken) is { } entry)
        {
            if (await cleanup.EndTransferAsync(entry, finish: true, cancellationToken) != CleanupResult.Waiting)
            {
                continue;
            }

            if (time.GetUtcNow() - started > options.TransferReadyPatience)
            {
                throw new EngineException(EngineFailure.Failed, $"The manager did not end the image transfer of the layer read before within {options.TransferReadyPatience}.");
            }

            await Task.Delay(options.PollInterval, time, cancellationToken);
        }
    }

    /// <summary>What the newest layer must stand on to be what changed; null when that snapshot or the disk in it is gone, and then nothing fits.</summary>
    private static async Task<Guid?> FindBaseAsync(IEngine engine, Job job, DiskTask task, CancellationToken cancellationToken)
    {
        try
        {
            var layers = await engine.ListSnapshotLayersAsync(job.VmId, job.Backup!.FromCheckpointId!.Value, cancellationToken);
            return layers.TryGetValue(task.DiskId, out var layer) ? layer : null;
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound)
        {
            return null;
        }
    }
}
