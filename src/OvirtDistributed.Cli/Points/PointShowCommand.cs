// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Jobs;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointShowCommand : ServerCommand
{
    private readonly Argument<string> _id = new("POINT") { HelpName = "POINT", Description = "Id, or its first characters" };
    private readonly Option<bool> _ovf = new("--ovf") { Description = "Print the VM's OVF and nothing else" };

    public PointShowCommand(CommandRunner runner)
        : base(runner, "show", "Show a restore point and its disks")
    {
        _id.CompletionSources.Add(runner.Suggestions.Points);
        Add(_id);
        Add(_ovf);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Points.GetPointAsync(new GetPointRequest { Id = context.Value(_id) }, server.Call(cancellationToken));
        var point = response.Point;
        if (context.Output.IsJson)
        {
            context.Output.Json(point);
        }
        else if (context.Value(_ovf))
        {
            WriteOvf(context, point);
        }
        else
        {
            Write(context, point);
        }

        return ExitCode.Ok;
    }

    private static void WriteSettings(CommandContext context, RestorePoint point)
    {
        if (point.Settings.Count == 0)
        {
            return;
        }

        context.Output.Heading("Settings of the VM");
        var table = new TextTable("SETTING", "VALUE");
        foreach (var setting in point.Settings)
        {
            table.Add(setting.Name, setting.Value);
        }

        table.WriteTo(context.Output);
    }

    private static void WriteOvf(CommandContext context, RestorePoint point)
    {
        if (point.Ovf.Length == 0)
        {
            throw new CliException(ExitCode.NotFound, "not_found", $"Restore point {point.Id} holds no OVF. Its disks can be restored all the same (ovd restore disk).");
        }

        context.Output.Line(point.Ovf);
    }

    private static void Write(CommandContext context, RestorePoint point)
    {
        var lockedUntil = point.LockedUntil is { } until ? TimeText.Both(until, context.Time) : "";
        new Details()
            .Add("Restore point", point.Id)
            .Add("VM", $"{point.VmName} ({point.VmId})")
            .AddIfSet("Manager", point.Manager)
            .Add("Created", TimeText.Both(point.Created, context.Time))
            .Add("Repository", point.Repository)
            .Add("Mode", JobText.Mode(point.Mode, point.ModeReason))
            .AddIfSet("Transport", point.TransportMode)
            .Add("Consistency", point.Consistency)
            .Add("Size", ByteText.Size(point.SizeBytes))
            .Add("Read", ByteText.Size(point.ReadBytes))
            .Add("Stored", ByteText.Size(point.StoredBytes))
            .AddIfSet("Locked until", lockedUntil)
            .AddIfSet("Job", point.JobId)
            .AddIfSet("Trace", point.TraceId)
            .WriteTo(context.Output);
        foreach (var warning in point.Warnings)
        {
            context.Output.Line(new StyledLine().Add("Warning: " + Cell.Printable(warning), Tone.Attention));
        }

        context.Output.Heading($"Disks ({point.Disks.Count})");
        var table = new TextTable("DISK", ">SIZE", "FORMAT", "ALLOCATION", "INTERFACE", "BOOT", "MODE", "ID");
        foreach (var disk in point.Disks)
        {
            table.Add(
                disk.Alias,
                ByteText.Size(disk.SizeBytes),
                disk.Format,
                disk.Sparse ? "sparse" : "preallocated",
                disk.Interface,
                disk.Bootable ? "yes" : "no",
                disk.Mode,
                disk.Id);
        }

        table.WriteTo(context.Output);
        if (point.SkippedDisks.Count > 0)
        {
            context.Output.Heading($"Left out ({point.SkippedDisks.Count})");
            var skipped = new TextTable("DISK", "REASON", "ID");
            foreach (var disk in point.SkippedDisks)
            {
                skipped.Add(disk.Alias, disk.Reason, disk.Id);
            }

            skipped.WriteTo(context.Output);
        }

        WriteSettings(context, point);
    }
}
