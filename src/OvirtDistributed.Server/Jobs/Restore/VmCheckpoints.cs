// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Deletes our checkpoints of a VM whose disks a restore changes: none of them says any more what differs from a restore point.</summary>
internal static class VmCheckpoints
{
    /// <summary>One at a time, oldest first, as the host expects it; then no point of the VM names one any more.</summary>
    /// <returns>False while the manager deletes.</returns>
    public static async Task<bool> DropAsync(StepContext context, IEngine engine, Guid vmId, Installation installation, CancellationToken cancellationToken)
    {
        var all = await ListAsync(engine, vmId, cancellationToken);
        if (all.FirstOrDefault(checkpoint => checkpoint.Description.Contains(EngineMarker.OfInstance(installation.InstanceId), StringComparison.Ordinal)) is { } ours)
        {
            await engine.DeleteCheckpointAsync(vmId, ours.Id, context.Job.Id, cancellationToken);
            return false;
        }

        if (all.Count > 0)
        {
            const string Foreign = "the VM has checkpoints of another backup product: its next incremental backup there would miss what is restored now, make a full one";
            context.Job.Warn(Foreign);
            context.Warning(Foreign);
        }

        var managerId = context.Job.ManagerId;
        await context.Database.RestorePoints
            .Where(point => point.ManagerId == managerId && point.VmId == vmId && point.CheckpointId != null)
            .ExecuteUpdateAsync(set => set.SetProperty(point => point.CheckpointId, (Guid?)null), cancellationToken);
        return true;
    }

    private static async Task<IReadOnlyList<EngineCheckpoint>> ListAsync(IEngine engine, Guid vmId, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.ListCheckpointsAsync(vmId, cancellationToken);
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound)
        {
            return []; // A manager from before there were checkpoints.
        }
    }
}
