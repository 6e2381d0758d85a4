// SPDX-License-Identifier: Apache-2.0

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
        var kept = await KeptStates.ListAsync(engine, job.VmId, installation.InstanceId, job.RepositoryId, job.Backup!.TransportMode, cancellationToken);
        var checkpoints = kept.Checkpoints.Where(id => id != job.Backup.ToCheckpointId).ToList();
        var snapshots = kept.Snapshots.Where(snapshot => snapshot.Id != job.Backup.ToCheckpointId).ToList();
        if (checkpoints.Count + snapshots.Count == 0)
        {
            return StepResult.Next(JobEvent.CheckpointsPruned, "no older checkpoint or snapshot of ours is left");
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

    private static StepResult Warn(Job job, string problem)
    {
        job.Warn($"The restore point is good, but what an older backup left on the manager could not be deleted: {problem.TrimEnd('.')}. The next backup tries again.");
        return StepResult.Next(JobEvent.CheckpointsPruned);
    }
}
