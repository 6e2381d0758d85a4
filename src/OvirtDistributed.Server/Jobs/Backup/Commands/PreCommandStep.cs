// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Commands;

/// <summary>Runs the command that brings the application in order.</summary>
internal sealed class PreCommandStep(CommandRuns runs, ServerOptions options) : IJobStep
{
    public JobKind Kind => JobKind.Backup;

    public JobState State => JobState.RunningPreCommand;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        var commands = context.Job.Backup!.Commands!;
        if (commands.Pre is null)
        {
            return StepResult.Next(JobEvent.PreCommandDone);
        }

        var task = await runs.RunAsync(context, CommandPhase.Pre, cancellationToken);
        if (!task.IsEnded)
        {
            return StepResult.WaitFor(options.PollInterval);
        }

        if (CommandRuns.Record(context, task) is { } problem)
        {
            if (!commands.ContinueAfterFailedPre)
            {
                return StepResult.Fail($"The {problem.TrimEnd('.')}.");
            }

            context.Job.Warn($"The {problem.TrimEnd('.')}. The backup went on, as was asked for.");
        }

        return StepResult.Next(JobEvent.PreCommandDone);
    }
}
