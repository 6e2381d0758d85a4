// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>The words for a job.</summary>
internal static class JobText
{
    /// <summary>The VM of a backup; of a restore also what it becomes.</summary>
    public static string Vm(Job job) => job.NewVmName.Length > 0 ? $"{job.VmName} → {job.NewVmName}" : job.VmName;

    /// <summary>Name and, once there is one, id of the VM that a restore makes.</summary>
    public static string NewVm(Job job) => job.NewVmName.Length > 0 && job.NewVmId.Length > 0 ? $"{job.NewVmName} ({job.NewVmId})" : job.NewVmName + job.NewVmId;

    public static bool HasEnded(Job job) => job.Outcome is JobOutcome.Succeeded or JobOutcome.Warning or JobOutcome.Failed or JobOutcome.Cancelled;

    public static string Kind(JobKind kind) => kind switch
    {
        JobKind.Backup => "backup",
        JobKind.Restore => "restore",
        JobKind.Copy => "copy",
        JobKind.Verify => "verify",
        _ => "job",
    };

    public static (string Text, Tone Tone) Outcome(JobOutcome outcome) => outcome switch
    {
        JobOutcome.Running => ("running", Tone.Plain),
        JobOutcome.Succeeded => ("succeeded", Tone.Good),
        JobOutcome.Warning => ("warning", Tone.Attention),
        JobOutcome.Failed => ("failed", Tone.Bad),
        JobOutcome.Cancelled => ("cancelled", Tone.Attention),
        _ => ("unknown", Tone.Attention),
    };

    /// <summary>How and when it ended, and with what result.</summary>
    public static string Ending(Job job, TimeProvider time)
    {
        var how = job.Outcome == JobOutcome.Warning ? "succeeded, with a warning" : Outcome(job.Outcome).Text;
        var when = job.Ended is null ? "" : $" at {TimeText.Both(job.Ended, time)}";
        var result = job.PointId.Length > 0 && job.Kind is JobKind.Backup or JobKind.Copy ? $", restore point {ShortIds.Cut(job.PointId)}" : "";
        var message = job.Outcome is JobOutcome.Failed or JobOutcome.Warning && job.Message.Length > 0 ? $": {Cell.Printable(job.Message.TrimEnd('.'))}" : "";
        return how + when + result + message;
    }

    public static TimeSpan Duration(Job job, TimeProvider time)
    {
        if (job.Created is null)
        {
            return TimeSpan.Zero;
        }

        var end = job.Ended?.ToDateTimeOffset() ?? time.GetUtcNow();
        return end - job.Created.ToDateTimeOffset();
    }

    /// <summary>Share that is done; null while the amount is not known.</summary>
    public static double? Fraction(Progress? progress) =>
        progress is { TotalBytes: > 0 } ? Math.Clamp((double)progress.ProcessedBytes / progress.TotalBytes, 0, 1) : null;

    /// <summary>The exit code of a command that waited for these jobs: the worst of them.</summary>
    public static ExitCode ExitCodeOf(IReadOnlyCollection<Job> jobs)
    {
        if (jobs.Any(job => job.Outcome is not (JobOutcome.Succeeded or JobOutcome.Warning)))
        {
            return ExitCode.JobFailed;
        }

        return jobs.Any(job => job.Outcome == JobOutcome.Warning) ? ExitCode.Warning : ExitCode.Ok;
    }

    /// <summary>How the job was done: "incremental", or "full (checkpoint is gone)".</summary>
    public static string Mode(string mode, string reason) => reason.Length == 0 ? mode : $"{mode} ({reason})";
}
