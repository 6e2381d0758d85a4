// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Jobs;

/// <summary>
/// The work of one state. Called again after a wait, a failure or a restart between any two of its instructions, so every step
/// is idempotent: what it creates goes through the ledger, what it changes in the job is saved with its result.
/// </summary>
internal interface IJobStep
{
    JobKind Kind { get; }

    JobState State { get; }

    /// <summary>Why there is nothing to do for this job, as far as the job itself tells; null when the step has to run. A skipped state is never entered.</summary>
    StepSkip? Skip(Job job) => null;

    Task<StepResult> RunAsync(StepContext context, CancellationToken cancellationToken);
}

/// <summary>A step that does nothing for a job.</summary>
/// <param name="Event">What it would have answered.</param>
/// <param name="Reason">Why, for the job's log.</param>
internal sealed record StepSkip(JobEvent Event, string Reason);

/// <summary>The job under the step, tracked by <see cref="Database"/>; the runner saves it.</summary>
internal sealed class StepContext(Job job, ServerDbContext database, TimeProvider time)
{
    public Job Job { get; } = job;

    public ServerDbContext Database { get; } = database;

    public DateTimeOffset Now => time.GetUtcNow();

    /// <summary>Time since the job entered the present step.</summary>
    public TimeSpan InStep => Now - Job.StepEntered;

    /// <summary>Time since the step began to fail without a success in between; zero when it does not.</summary>
    public TimeSpan FailingFor => Job.FailingSince is { } since ? Now - since : TimeSpan.Zero;

    public void Info(string message, Guid? taskId = null) => Write(LogSeverity.Info, message, taskId);

    public void Warning(string message, Guid? taskId = null) => Write(LogSeverity.Warning, message, taskId);

    public void Error(string message, Guid? taskId = null) => Write(LogSeverity.Error, message, taskId);

    private void Write(LogSeverity severity, string message, Guid? taskId) =>
        Database.JobLog.Add(new JobLogLine { JobId = Job.Id, TaskId = taskId, Time = Now, Severity = severity, Message = message });
}
