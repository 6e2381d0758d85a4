// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Restore;
using OvirtDistributed.Server.Jobs.Backup;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

/// <summary>Jobs as the admin API shows them.</summary>
internal static class JobMessages
{
    public static Wire.Job ToWire(Job job, string manager, string repository, IReadOnlyDictionary<string, string> workers, DateTimeOffset now)
    {
        var message = new Wire.Job
        {
            Id = job.Id.ToString("D"),
            Kind = KindOf(job.Kind),
            Outcome = OutcomeOf(job.Outcome),
            State = StateOf(job),
            Manager = manager,
            VmId = job.VmId.ToString("D"),
            VmName = job.VmName,
            Repository = repository,
            Created = job.Created.ToTimestamp(),
            Ended = job.Ended?.ToTimestamp(),
            Message = job.Message,
            Mode = ModeOf(job),
            ModeReason = job.Backup?.ModeReason ?? "",
            TransportMode = job.Backup?.TransportMode ?? job.Restore?.TransportMode ?? "",
            TransportReason = job.Backup?.TransportReason ?? "",
            Commands = job.Backup?.Commands?.Describe() ?? "",
            PointId = PointOf(job),
            NewVmName = job.Restore?.NewName ?? "",
            IntoExistingVm = job.Restore is { Scope: not RestoreScope.NewVm },
            NewVmId = job.Restore?.NewVmId?.ToString("D") ?? "",
            TraceId = ManifestBuilder.TraceIdOf(job.TraceParent) ?? "",
            Progress = ToProgress(job.Tasks.Select(task => task.Statistics).ToList(), job.Tasks.Sum(task => task.StoredBytes), (job.Ended ?? now) - job.Created),
        };
        message.Notes.AddRange(job.Notes);
        message.Notes.AddRange(job.Warnings.Except(job.Notes));
        message.Settings.AddRange((job.Restore is { } restore && (restore.SettingsDone || job.Outcome == JobOutcome.Running) ? restore.Settings : []).Select(RestorePlanMessages.ToWire));
        message.Tasks.AddRange(job.Tasks.OrderBy(task => task.DiskAlias, StringComparer.Ordinal).Select(task => ToTask(task, job, workers, now)));
        return message;
    }

    /// <summary>The state for people. The last step of a restore starts the VM only where that was asked for; its other work is in every restore.</summary>
    public static string StateOf(Job job) => job is { State: JobState.StartingVm, Restore.Start: false } ? "finishing" : Words(job.State.ToString());

    /// <summary>PascalCase in words: StartingBackup → starting-backup.</summary>
    public static string Words(string name) => Database.SnakeCaseNames.Of(name).Replace('_', '-');

    private static Wire.Task ToTask(DiskTask task, Job job, IReadOnlyDictionary<string, string> workers, DateTimeOffset now) => new()
    {
        Id = task.Id.ToString("D"),
        DiskId = task.DiskId.ToString("D"),
        DiskAlias = task.DiskAlias,
        State = Words(task.State.ToString()),
        Attempt = task.Attempt,
        Worker = task.WorkerId is { } worker ? workers.GetValueOrDefault(worker, worker) : "",
        Progress = ToProgress([task.Statistics], task.StoredBytes, task.Started is { } started ? (task.Ended ?? now) - started : TimeSpan.Zero),
        Message = task.Message,
        Mode = job.Kind is JobKind.Restore or JobKind.Verify ? "" : task.Incremental ? "incremental" : "full",
        Rescue = ToRescue(task.Rescue),
    };

    private static Wire.Rescue? ToRescue(TaskRescue? rescue) => rescue is null ? null : new Wire.Rescue
    {
        Unrepaired = rescue.Unrepaired,
        Unreachable = rescue.Unreachable,
        Sources =
        {
            rescue.Sources.Select(source => new Wire.RescueSource
            {
                Repository = source.Repository,
                Objects = source.Objects,
                Bytes = source.Bytes,
                RepairedObjects = source.RepairedObjects,
                BytesOnItsWord = source.BytesOnItsWord,
            }),
        },
    };

    private static Wire.Progress ToProgress(IReadOnlyList<TaskStatistics> tasks, long storedBytes, TimeSpan elapsed)
    {
        var progress = new Wire.Progress
        {
            TotalBytes = tasks.Sum(task => task.TotalBytes),
            ProcessedBytes = tasks.Sum(task => task.ProcessedBytes),
            ReadBytes = tasks.Sum(task => task.ReadBytes),
            ZeroBytes = tasks.Sum(task => task.ZeroBytes),
            DeduplicatedBytes = tasks.Sum(task => task.DeduplicatedBytes),
            SentBytes = tasks.Sum(task => task.SentBytes),
            WrittenBytes = tasks.Sum(task => task.WrittenBytes),
            StoredBytes = storedBytes,
            ResumedBytes = tasks.Sum(task => task.ResumedBytes),
            RewrittenBytes = tasks.Sum(task => task.RewrittenBytes),
            Elapsed = elapsed.ToDuration(),
            Route = string.Join(", ", tasks.Select(task => task.Route).Where(route => route.Length > 0).Distinct()),
        };
        var stages = tasks.SelectMany(task => task.Stages).GroupBy(stage => stage.Stage).Select(group => new Wire.Stage
        {
            Name = group.Key,
            Busy = TimeSpan.FromTicks(group.Sum(stage => stage.Busy.Ticks)).ToDuration(),
            Waiting = TimeSpan.FromTicks(group.Sum(stage => stage.Waiting.Ticks)).ToDuration(),
        });
        progress.Stages.AddRange(stages);

        // The job's bottleneck is that of the task that moved the most.
        progress.Bottleneck = tasks.OrderByDescending(task => task.ProcessedBytes).FirstOrDefault(task => task.Bottleneck.Length > 0)?.Bottleneck ?? "";
        return progress;
    }

    private static string ModeOf(Job job) => job.Copy is not null && job.Tasks.Count > 0
        ? (job.Tasks.Any(task => task.Incremental) ? "incremental" : "full")
        : job.Backup is null || job.State == JobState.Preparing ? ""
        : job.Tasks.Count > 0 ? (job.Tasks.Any(task => task.Incremental) ? "incremental" : "full")
        : job.Backup.Incremental ? "incremental" : "full";

    /// <summary>A backup's point is shown once it exists.</summary>
    private static string PointOf(Job job) => job.Kind is JobKind.Restore or JobKind.Verify
        || job.State is JobState.Finalizing or JobState.PruningCheckpoints or JobState.Succeeded or JobState.Warning
            ? job.PointId ?? ""
            : "";

    private static Wire.JobKind KindOf(JobKind kind) => kind switch
    {
        JobKind.Backup => Wire.JobKind.Backup,
        JobKind.Restore => Wire.JobKind.Restore,
        JobKind.Copy => Wire.JobKind.Copy,
        JobKind.Verify => Wire.JobKind.Verify,
        _ => Wire.JobKind.Unspecified,
    };

    private static Wire.JobOutcome OutcomeOf(JobOutcome outcome) => outcome switch
    {
        JobOutcome.Running => Wire.JobOutcome.Running,
        JobOutcome.Succeeded => Wire.JobOutcome.Succeeded,
        JobOutcome.Warning => Wire.JobOutcome.Warning,
        JobOutcome.Failed => Wire.JobOutcome.Failed,
        JobOutcome.Cancelled => Wire.JobOutcome.Cancelled,
        _ => Wire.JobOutcome.Unspecified,
    };
}
