// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Watching;

/// <summary>For logs and pipes: one line for each change of state, and one for progress at most every few seconds.</summary>
internal sealed class LineView(OutputWriter output, TimeProvider time) : IJobView
{
    public static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, Seen> _jobs = [];

    public async Task ShowAsync(IAsyncEnumerable<JobUpdate> updates, CancellationToken cancellationToken)
    {
        await foreach (var update in updates.WithCancellation(cancellationToken))
        {
            if (update.Notice is not null)
            {
                Write(update.Notice);
            }
            else if (update.Job is not null)
            {
                Show(update.Job);
            }
        }
    }

    private void Show(Job job)
    {
        if (!_jobs.TryGetValue(job.Id, out var seen))
        {
            seen = new Seen(new RateMeter(time)) { LastProgress = time.GetTimestamp() };
            _jobs.Add(job.Id, seen);
        }

        seen.Rate.Add(job.Progress?.ProcessedBytes ?? 0);
        var changed = ShowState(job, seen);
        foreach (var task in job.Tasks)
        {
            changed |= ShowTask(job, task, seen);
        }

        if (changed || JobText.HasEnded(job) || job.Progress is null || time.GetElapsedTime(seen.LastProgress) < ProgressInterval)
        {
            return;
        }

        var progress = ProgressText.Line(job.Progress, seen.Rate.BytesPerSecond());
        if (progress.Length > 0)
        {
            seen.LastProgress = time.GetTimestamp();
            Write($"{Name(job)} {job.State}: {progress}");
        }
    }

    private bool ShowState(Job job, Seen seen)
    {
        var (outcome, _) = JobText.Outcome(job.Outcome);
        var state = JobText.HasEnded(job) ? outcome : job.State;
        if (seen.State == state)
        {
            return false;
        }

        seen.State = state;
        Write(job.Message.Length == 0 ? $"{Name(job)} {state}" : $"{Name(job)} {state}: {job.Message}");
        return true;
    }

    private bool ShowTask(Job job, Contracts.Admin.V1.Task task, Seen seen)
    {
        var state = $"{task.State}/{task.Attempt}/{task.Worker}";
        if (seen.Tasks.TryGetValue(task.Id, out var before) && before == state)
        {
            return false;
        }

        seen.Tasks[task.Id] = state;
        var disk = task.DiskAlias.Length > 0 ? task.DiskAlias : task.DiskId;
        var where = task.Worker.Length > 0 ? $" on {task.Worker}" : "";
        var attempt = task.Attempt > 1 ? $" (attempt {task.Attempt})" : "";
        var message = task.Message.Length > 0 ? $": {task.Message}" : "";
        Write($"{Name(job)} disk {disk} {task.State}{where}{attempt}{message}");
        return true;
    }

    private static string Name(Job job) => $"{JobText.Kind(job.Kind)} {ShortIds.Cut(job.Id)} {job.VmName}";

    private void Write(string text) => output.Line($"{TimeText.Absolute(time.GetUtcNow())} {Cell.Printable(text)}");

    private sealed class Seen(RateMeter rate)
    {
        public RateMeter Rate { get; } = rate;

        public string State { get; set; } = "";

        public Dictionary<string, string> Tasks { get; } = [];

        public long LastProgress { get; set; }
    }
}
