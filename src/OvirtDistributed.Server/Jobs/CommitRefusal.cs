// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>What happens when a commit is refused because the repository lacks objects.</summary>
internal static class CommitRefusal
{
    /// <summary>The source still stands: each disk gets one more attempt, which sends what its map needs and the repository lacks.</summary>
    public static StepResult SendAgain(StepContext context, string reason)
    {
        context.Warning($"the restore point could not be committed, its disks are gone through again: {reason}");
        foreach (var task in context.Job.Tasks)
        {
            task.State = TaskState.Recovering;
            task.Ended = null;
            task.Message = "the repository lacks objects of this disk";
        }

        return StepResult.Next(JobEvent.FramesMissing);
    }
}
