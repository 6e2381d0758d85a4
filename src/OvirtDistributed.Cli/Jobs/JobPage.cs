// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Restore;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>A job in full, for people.</summary>
internal static class JobPage
{
    public static void Write(CommandContext context, Job job)
    {
        WriteHead(context, job);
        WriteNotes(context.Output, job);
        SettingsTable.Write(context.Output, job.Settings, planned: job.Outcome == JobOutcome.Running);
        if (job.Progress is not null)
        {
            WriteAmounts(context.Output, job.Kind, job.Progress);
        }

        WriteTasks(context.Output, job);
        WriteRescues(context.Output, job);
        if (job.Progress is { Stages.Count: > 0 })
        {
            WriteStages(context.Output, job.Progress);
        }
    }

    private static void WriteHead(CommandContext context, Job job)
    {
        var (outcome, tone) = JobText.Outcome(job.Outcome);
        new Details()
            .Add("Job", job.Id)
            .Add("Kind", JobText.Kind(job.Kind))
            .Add("VM", $"{job.VmName} ({job.VmId})")
            .AddIfSet("Manager", job.Manager)
            .Add("Outcome", new Cell(outcome, tone))
            .Add("State", job.State)
            .AddIfSet("Message", job.Message, tone)
            .AddIfSet("Mode", JobText.Mode(job.Mode, job.ModeReason))
            .AddIfSet("Transport", JobText.Mode(job.TransportMode, job.TransportReason))
            .AddIfSet("Commands", job.Commands)
            .AddIfSet("Repository", job.Repository)
            .AddIfSet("Restore point", job.PointId)
            .AddIfSet(job.IntoExistingVm ? "Restored to" : "New VM", JobText.NewVm(job))
            .Add("Started", TimeText.Both(job.Created, context.Time))
            .Add("Ended", TimeText.Both(job.Ended, context.Time))
            .Add("Took", TimeText.Length(JobText.Duration(job, context.Time)))
            .AddIfSet("Trace", job.TraceId)
            .WriteTo(context.Output);
    }

    private static void WriteNotes(OutputWriter output, Job job)
    {
        if (job.Notes.Count == 0)
        {
            return;
        }

        output.Heading("Notes");
        foreach (var note in job.Notes)
        {
            output.Line(new StyledLine().Add("- " + Cell.Printable(note), Tone.Attention));
        }
    }

    private static void WriteAmounts(OutputWriter output, JobKind kind, Progress progress)
    {
        output.Heading("Amounts");
        var details = new Details().Add("Processed", Share(progress));
        foreach (var (name, bytes) in new[]
        {
            (kind switch { JobKind.Restore => "Read from the VM's disk", JobKind.Verify => "Data proven", _ => "Read" }, progress.ReadBytes),
            ("Zeros", progress.ZeroBytes),
            ("Deduplicated", progress.DeduplicatedBytes),
            (kind is JobKind.Restore or JobKind.Verify ? "Read from the repository" : "Sent", progress.SentBytes),
            ("Stored", progress.StoredBytes),
            ("Written", progress.WrittenBytes),
            ("Resumed", progress.ResumedBytes),
            ("Written anew", progress.RewrittenBytes),
        })
        {
            details.AddIfSet(name, bytes == 0 ? null : ByteText.Size(bytes));
        }

        details.AddIfSet("Rate", ProgressText.AverageRate(progress))
            .AddIfSet("Bottleneck", progress.Bottleneck)
            .AddIfSet("Route", progress.Route)
            .WriteTo(output);
    }

    private static string Share(Progress progress) => JobText.Fraction(progress) is { } fraction
        ? $"{ByteText.Size(progress.ProcessedBytes)} of {ByteText.Size(progress.TotalBytes)} ({Math.Floor(fraction * 100):0}%)"
        : ByteText.Size(progress.ProcessedBytes);

    private static void WriteTasks(OutputWriter output, Job job)
    {
        if (job.Tasks.Count == 0)
        {
            return;
        }

        output.Heading($"Disks ({job.Tasks.Count})");
        var table = new TextTable("DISK", "STATE", ">DONE", ">SIZE", "WORKER", ">ATTEMPT", "MODE", "BOTTLENECK", "MESSAGE");
        foreach (var task in job.Tasks)
        {
            table.Add(
                task.DiskAlias.Length > 0 ? task.DiskAlias : task.DiskId,
                task.State,
                JobText.Fraction(task.Progress) is { } fraction ? $"{Math.Floor(fraction * 100):0}%" : "",
                task.Progress is null ? "" : ByteText.Size(task.Progress.TotalBytes),
                task.Worker,
                $"{task.Attempt}",
                task.Mode,
                task.Progress?.Bottleneck,
                new Cell(task.Message, Tone.Attention));
        }

        table.WriteTo(output);
    }

    private static void WriteRescues(OutputWriter output, Job job)
    {
        var sources = job.Tasks.Where(task => task.Rescue is not null).SelectMany(task => task.Rescue.Sources, (task, source) => (task, source)).ToList();
        if (sources.Count == 0)
        {
            return;
        }

        output.Heading("Taken from copies");
        var table = new TextTable("DISK", "REPOSITORY", ">DAMAGED OBJECTS", ">REPAIRED", ">BYTES", ">ON ITS WORD");
        foreach (var (task, source) in sources)
        {
            table.Add(
                task.DiskAlias.Length > 0 ? task.DiskAlias : task.DiskId,
                source.Repository,
                $"{source.Objects}",
                $"{source.RepairedObjects}",
                ByteText.Size(source.Bytes),
                source.BytesOnItsWord == 0 ? "" : ByteText.Size(source.BytesOnItsWord));
        }

        table.WriteTo(output);
    }

    private static void WriteStages(OutputWriter output, Progress progress)
    {
        output.Heading("Where the time went");
        var table = new TextTable("STAGE", ">BUSY", ">WAITING", ">SHARE");
        foreach (var stage in progress.Stages)
        {
            var busy = stage.Busy?.ToTimeSpan() ?? TimeSpan.Zero;
            var waiting = stage.Waiting?.ToTimeSpan() ?? TimeSpan.Zero;
            var all = busy + waiting;
            table.Add(
                stage.Name,
                TimeText.Length(busy),
                TimeText.Length(waiting),
                all > TimeSpan.Zero ? $"{busy / all * 100:0}%" : "");
        }

        table.WriteTo(output);
    }
}
