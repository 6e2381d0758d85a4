// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Watching;

/// <summary>What came of jobs that were waited for.</summary>
internal static class JobSummary
{
    public static void Write(CommandContext context, IReadOnlyList<Job> jobs)
    {
        context.Output.Line();
        foreach (var job in jobs)
        {
            WriteJob(context, job);
        }
    }

    private static void WriteJob(CommandContext context, Job job)
    {
        var (outcome, tone) = JobText.Outcome(job.Outcome);
        var line = new StyledLine()
            .Add(Cell.Printable(job.VmName), Tone.Heading)
            .Add($": {JobText.Kind(job.Kind)} ")
            .Add(outcome, tone)
            .Add($" after {TimeText.Length(JobText.Duration(job, context.Time))}");
        if (job.Mode.Length > 0)
        {
            line.Add($", {Cell.Printable(JobText.Mode(job.Mode, job.ModeReason))}");
        }

        context.Output.Line(line);
        WriteResult(context.Output, job);
        // The message of a job that ended with warnings is all of them in one line; they are among the notes.
        var isOfNotes = job.Notes.Any(note => job.Message.Contains(note.TrimEnd('.'), StringComparison.Ordinal));
        foreach (var text in (isOfNotes ? job.Notes : job.Notes.Prepend(job.Message)).Where(text => text.Length > 0))
        {
            context.Output.Line(new StyledLine().Add("  " + Cell.Printable(text), tone));
        }

        if (job.Outcome is JobOutcome.Failed or JobOutcome.Cancelled)
        {
            context.Output.Line($"  See: ovd job logs {ShortIds.Cut(job.Id)}");
        }
    }

    private static void WriteResult(OutputWriter output, Job job)
    {
        if (job.Outcome is not (JobOutcome.Succeeded or JobOutcome.Warning))
        {
            return;
        }

        if (job.Kind is JobKind.Backup or JobKind.Copy && job.PointId.Length > 0)
        {
            output.Line($"  restore point {Cell.Printable(job.PointId)}");
        }
        else if (job.NewVmId.Length > 0)
        {
            output.Line($"  {(job.IntoExistingVm ? "restored to VM" : "new VM")} {Cell.Printable(JobText.NewVm(job))}");
        }

        if (job.Progress is { } progress)
        {
            output.Line("  " + string.Join(", ", Amounts(job.Kind, progress)));
        }
    }

    private static IEnumerable<string> Amounts(JobKind kind, Progress progress)
    {
        if (kind == JobKind.Restore)
        {
            yield return $"{ByteText.Size(progress.SentBytes)} read from the repository";

            // Only a restore in place reads the disk that it writes.
            if (progress.ReadBytes > 0)
            {
                yield return $"{ByteText.Size(progress.ReadBytes)} read from the VM's disk";
            }

            yield return $"{ByteText.Size(progress.WrittenBytes)} written";
        }
        else if (kind == JobKind.Verify)
        {
            yield return $"{ByteText.Size(progress.SentBytes)} read from the repository";
            yield return $"{ByteText.Size(progress.ReadBytes)} of data proven";
        }
        else
        {
            yield return $"read {ByteText.Size(progress.ReadBytes)}";
            yield return $"deduplicated {ByteText.Size(progress.DeduplicatedBytes)}";
            yield return $"sent {ByteText.Size(progress.SentBytes)}";
            yield return $"stored {ByteText.Size(progress.StoredBytes)}";
        }

        if (ProgressText.AverageRate(progress) is { Length: > 0 } rate)
        {
            yield return rate;
        }

        if (progress.Bottleneck.Length > 0)
        {
            yield return $"bottleneck {Cell.Printable(progress.Bottleneck)}";
        }
    }
}
