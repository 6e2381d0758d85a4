// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>Runs the command that lets the application go on: the manager holds the moment, and only then are the disks offered to workers.</summary>
internal sealed class PostCommandStep(CommandRuns runs, TaskSettlement settlement, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.RunningPostCommand;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var task = await runs.RunAsync(context, CommandPhase.Post, cancellationToken);
        if (!task.IsEnded)
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (CommandRuns.Record(context, task) is { } problem)
        {
            context.Job.Warn($"The {problem.TrimEnd('.')}. The application may still wait for it.");
        }

        context.Job.Tasks.Where(disk => disk.State == TaskState.Offered).ToList().ForEach(disk => settlement.Offer(context, disk));
        return StepResult.Next(context.Job.Backup!.WhenReleased(JobEvent.PostCommandDone));
    }
}
