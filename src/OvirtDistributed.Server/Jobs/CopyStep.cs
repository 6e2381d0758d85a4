// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Supervises the tasks until all are done, or one cannot be.</summary>
internal sealed class CopyStep(JobKind kind, TaskSettlement settlement, WorkerClusters workers, ServerOptions options) : IJobStep
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

        if (tasks.All(task => task.State == TaskState.Done))
        {
            return StepResult.Next(JobEvent.TasksDone);
        }

        await TellUnmannedAsync(context, cancellationToken);
        return StepResult.WaitFor(options.PollInterval);
    }

    /// <summary>A worker that vanished before it took a disk may come back at any time: the job waits, and says for whom.</summary>
    private async Task TellUnmannedAsync(StepContext context, CancellationToken cancellationToken)
    {
        if (context.Job is { Message.Length: 0 } job && job.Tasks.FirstOrDefault(task => task.State == TaskState.Offered) is { } waiting
            && (await workers.LookLatelyAsync(context.Database, cancellationToken)).ExplainUnmanned(WorkerNeed.Of(job, waiting)) is { } nobody)
        {
            job.Message = $"Nobody takes disk {waiting.DiskAlias}: {nobody}.";
        }
    }
}
