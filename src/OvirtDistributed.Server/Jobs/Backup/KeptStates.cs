// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>What our backups to one repository have left of a VM on its manager for an incremental, oldest first.</summary>
internal sealed record KeptStates(IReadOnlyList<Guid> Checkpoints, IReadOnlyList<EngineSnapshot> Snapshots)
{
    /// <param name="engine">The VM's manager.</param>
    /// <param name="vmId">The VM.</param>
    /// <param name="instanceId">This installation.</param>
    /// <param name="repositoryId">The repository.</param>
    /// <param name="mode">In cbt a manager must know checkpoints.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<KeptStates> ListAsync(IEngine engine, Guid vmId, Guid instanceId, Guid repositoryId, string mode, CancellationToken cancellationToken)
    {
        var checkpoints = await ListCheckpointsAsync(engine, vmId, mode, cancellationToken);
        var snapshots = await engine.ListSnapshotsAsync(vmId, cancellationToken);
        return new KeptStates(
            [.. checkpoints.Where(checkpoint => EngineMarker.IsOfRepository(checkpoint.Description, instanceId, repositoryId)).Select(checkpoint => checkpoint.Id)],
            [.. snapshots.Where(snapshot => EngineMarker.IsOfRepository(snapshot.Description, instanceId, repositoryId))]);
    }

    private static async Task<IReadOnlyList<EngineCheckpoint>> ListCheckpointsAsync(IEngine engine, Guid vmId, string mode, CancellationToken cancellationToken)
    {
        try
        {
            return await engine.ListCheckpointsAsync(vmId, cancellationToken);
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound && mode != TransportModes.Cbt)
        {
            return []; // A manager from before there were checkpoints.
        }
    }
}
