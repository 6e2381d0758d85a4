// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>
/// Leaves one checkpoint or one snapshot of ours per VM and repository: the new point's. A checkpoint costs the guest memory, a snapshot costs it
/// speed, both cost space on the storage.
/// </summary>
internal sealed class PruneCheckpointsStep(IEngineDirectory engines, Installation installation, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.PruningCheckpoints;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var checkpoints = await ListCheckpointsAsync(engine, job, cancellationToken);
        var snapshots = (await engine.ListSnapshotsAsync(job.VmId, cancellationToken)).Where(snapshot => IsObsolete(job, snapshot.Id, snapshot.Description)).ToList();
        if (checkpoints.Count + snapshots.Count == 0)
        {
            return StepResult.Next(JobEvent.CheckpointsPruned);
        }

        // Merging a layer takes as long as it is large.
        if (context.InStep > (snapshots.Count > 0 ? options.FinalizePatience : options.StepPatience))
        {
            return Warn(job, $"{checkpoints.Count} old checkpoint(s) and {snapshots.Count} old snapshot(s) are still there after {context.InStep:hh\\:mm\\:ss}");
        }

        try
        {
            // Oldest first and one at a time: the host expects the removal from base to leaf.
            if (checkpoints.Count > 0)
            {
                await engine.DeleteCheckpointAsync(job.VmId, checkpoints[0], job.Id, cancellationToken);
            }
            else if (!snapshots[0].Locked)
            {
                await engine.DeleteSnapshotAsync(job.VmId, snapshots[0].Id, job.Id, cancellationToken);
            }
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return Warn(job, failure.Message);
        }

        return StepResult.WaitFor(options.PollInterval);
    }

    private async Task<List<Guid>> ListCheckpointsAsync(IEngine engine, Job job, CancellationToken cancellationToken)
    {
        try
        {
            return [.. (await engine.ListCheckpointsAsync(job.VmId, cancellationToken))
                .Where(checkpoint => IsObsolete(job, checkpoint.Id, checkpoint.Description))
                .Select(checkpoint => checkpoint.Id)];
        }
        catch (EngineException failure) when (failure.Failure == EngineFailure.NotFound && job.Backup!.TransportMode != TransportModes.Cbt)
        {
            return []; // A manager from before there were checkpoints.
        }
    }

    private bool IsObsolete(Job job, Guid id, string description) =>
        id != job.Backup!.ToCheckpointId && EngineMarker.IsOfRepository(description, installation.InstanceId, job.RepositoryId);

    private static StepResult Warn(Job job, string problem)
    {
        job.Warn($"The restore point is good, but what an older backup left on the manager could not be deleted: {problem}. The next backup tries again.");
        return StepResult.Next(JobEvent.CheckpointsPruned);
    }
}
