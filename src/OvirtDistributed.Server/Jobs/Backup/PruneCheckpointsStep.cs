// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Ledger;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Leaves one checkpoint of ours per VM and repository: the new point's. Each costs the guest memory and the disk space.</summary>
internal sealed class PruneCheckpointsStep(IEngineDirectory engines, Installation installation, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.PruningCheckpoints;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var job = context.Job;
        var engine = (await engines.OpenAsync(job.ManagerId, cancellationToken)).Engine;
        var checkpoints = await engine.ListCheckpointsAsync(job.VmId, cancellationToken);
        var obsolete = checkpoints
            .Where(checkpoint => checkpoint.Id != job.Backup!.ToCheckpointId
                && EngineMarker.IsOfRepository(checkpoint.Description, installation.InstanceId, job.RepositoryId))
            .ToList();
        if (obsolete.Count == 0)
        {
            return StepResult.Next(JobEvent.CheckpointsPruned);
        }

        if (context.InStep > options.StepPatience)
        {
            return Warn(job, $"{obsolete.Count} old checkpoint(s) are still there after {options.StepPatience}");
        }

        try
        {
            // Oldest first and one at a time: the host expects the removal from base to leaf.
            await engine.DeleteCheckpointAsync(job.VmId, obsolete[0].Id, job.Id, cancellationToken);
        }
        catch (EngineException failure) when (!failure.IsPassing)
        {
            return Warn(job, failure.Message);
        }

        return StepResult.WaitFor(options.PollInterval);
    }

    private static StepResult Warn(Job job, string problem)
    {
        job.Warn($"The restore point is good, but an old checkpoint could not be deleted: {problem}. The next backup tries again.");
        return StepResult.Next(JobEvent.CheckpointsPruned);
    }
}
