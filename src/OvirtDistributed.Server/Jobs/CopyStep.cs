// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Supervises the tasks until all are done, or one cannot be.</summary>
internal sealed class CopyStep(JobKind kind, TaskSettlement settlement, ServerOptions options) : IJobStep
{
    public JobKind Kind => kind;

    public JobState State => JobState.Copying;

    public async Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken)
    {
        context.Job.Message = "";
        await settlement.SettleAsync(context, stop: false, cancellationToken);
        var tasks = context.Job.Tasks;
        if (tasks.FirstOrDefault(task => task.State == TaskState.Failed) is { } failed)
        {
            return StepResult.Fail(failed.Message);
        }

        return tasks.All(task => task.State == TaskState.Done) ? StepResult.Next(JobEvent.TasksDone) : StepResult.WaitFor(options.PollInterval);
    }
}
