// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>What <c>restore disk</c> would do with the same options.</summary>
internal sealed class PlanRestoreDiskCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { HelpName = "POINT", Description = "Id of the restore point, or its first characters" };
    private readonly Argument<string?> _disk = new("DISK") { Description = "Id or alias; may be left out when there is one disk", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _file = new("--to-file") { Description = "File to write: a raw image, sparse where the disk is zero", HelpName = "FILE" };
    private readonly Option<bool> _force = new("--force") { Description = "Replace the file if there is one" };
    private readonly DiskToVm _toVm;

    public PlanRestoreDiskCommand(CommandRunner runner)
        : base(runner, "restore-disk", "Show what a restore of one disk would do now, and the digest to apply exactly that by. Changes nothing.")
    {
        _toVm = new DiskToVm(runner, planning: true);
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_disk);
        Add(_file);
        Add(_force);
        _toVm.AddTo(this, _file, _force);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var (point, disk) = (context.Value(_point), context.Parse.GetValue(_disk) ?? "");
        if (_toVm.IsAsked(context))
        {
            var request = new PlanRestoreRequest { Disk = _toVm.From(context, point, disk) };
            return RestorePlanPage.Write(context, await server.Jobs.PlanRestoreAsync(request, server.Call(cancellationToken)), "ovd restore disk");
        }

        var target = ImageTarget.Check(context.Text(_file), context.Value(_force));
        var location = await server.Points.LocateDiskAsync(new LocateDiskRequest { Point = point, Disk = disk }, server.Call(cancellationToken));
        WriteFile(context, location, target);
        return ExitCode.Ok;
    }

    /// <summary>Nothing of it can drift on a manager: there is nothing to apply it by.</summary>
    private static void WriteFile(CommandContext context, LocateDiskResponse location, ImageTarget target)
    {
        var free = new DriveInfo(Path.GetDirectoryName(target.Path)!).AvailableFreeSpace;
        var warnings = free < location.Disk.SizeBytes
            ? (string[])[$"the file system has {ByteText.Size(free)} free, less than the disk's size; the file takes what the disk holds without zeros"]
            : [];
        if (context.Output.IsJson)
        {
            context.Output.Json(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("file", target.Path);
                writer.WriteBoolean("replaces", File.Exists(target.Path));
                writer.WriteString("point_id", location.PointId);
                writer.WriteString("disk_id", location.Disk.Id);
                writer.WriteString("disk_alias", location.Disk.Alias);
                writer.WriteString("repository", location.Repository);
                writer.WriteNumber("write_bytes_at_most", location.Disk.SizeBytes);
                writer.WriteNumber("free_bytes", free);
                writer.WriteStartArray("warnings");
                warnings.ToList().ForEach(writer.WriteStringValue);
                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        new Details()
            .Add("Restore point", location.PointId)
            .Add("Disk", $"{location.Disk.Alias} ({location.Disk.Id})")
            .Add("File", File.Exists(target.Path) ? $"{target.Path}, which is replaced" : target.Path)
            .Add("Reads from", string.Join(", then ", location.Copies.Select(copy => copy.Repository).Prepend(location.Repository)))
            .Add("Writes", $"at most {ByteText.Size(location.Disk.SizeBytes)}, zeros not at all")
            .Add("Calls on the manager", "none")
            .WriteTo(context.Output);
        foreach (var warning in warnings)
        {
            context.Output.Line(new StyledLine().Add($"Warning: {warning}", Tone.Attention));
        }
    }
}
