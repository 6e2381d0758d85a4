// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Text.Json;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Restores a disk to a VM, or to a local file: then the data comes from the Data Mover itself: the backup server only says where.</summary>
internal sealed class RestoreDiskCommand : ServerCommand
{
    private static readonly TimeSpan ReconnectLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan ReconnectLimitWithCopies = TimeSpan.FromSeconds(30);

    private readonly Argument<string?> _point = new("POINT") { HelpName = "POINT", Description = "Id of the restore point, or its first characters", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _disk = new("DISK") { Description = "Id or alias; may be left out when there is one disk", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _file = new("--to-file") { Description = "File to write: a raw image, sparse where the disk is zero", HelpName = "FILE" };
    private readonly Option<bool> _force = new("--force") { Description = "Replace the file if there is one" };
    private readonly Option<string> _mover = new("--mover")
    {
        Description = "Address of the Data Mover, where it is not reachable under the one the server knows",
        HelpName = "URL",
    };

    private readonly Option<string> _plan = new("--plan")
    {
        Description = "Digest of a plan (ovd plan restore-disk), or its first characters: do exactly that, or refuse when it would not be the same any more",
        HelpName = "DIGEST",
    };

    private readonly DiskToVm _toVm;

    public RestoreDiskCommand(CommandRunner runner)
        : base(runner, "disk", "Restore one disk as a new disk of a VM, or to a file on this machine")
    {
        _toVm = new DiskToVm(runner, planning: false, _plan);
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_disk);
        Add(_file);
        Add(_force);
        Add(_mover);
        Add(_plan);
        _toVm.AddTo(this, _file, _force, _mover);
        Validators.Add(result =>
        {
            if ((result.GetValue(_point) is null) == (result.GetResult(_plan) is null))
            {
                result.AddError(result.GetValue(_point) is null ? "Required argument missing: POINT." : $"POINT cannot be given with {_plan.Name}: a plan says all that is to be done.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var (point, disk) = (context.Parse.GetValue(_point) ?? "", context.Parse.GetValue(_disk) ?? "");
        if (context.Text(_plan) is { Length: > 0 } plan)
        {
            return await _toVm.ExecuteAsync(context, new RestoreDiskRequest { Plan = plan }, cancellationToken);
        }

        if (_toVm.IsAsked(context))
        {
            return await _toVm.ExecuteAsync(context, _toVm.From(context, point, disk), cancellationToken);
        }

        var target = ImageTarget.Check(context.Text(_file), context.Value(_force));
        var server = context.Server;
        var location = await server.Points.LocateDiskAsync(
            new LocateDiskRequest { Point = point, Disk = disk }, server.Call(cancellationToken));

        var started = context.Time.GetTimestamp();
        var result = await DownloadAsync(context, location, DiskPlace.From(location, context.Text(_mover)), target, cancellationToken);
        WriteResult(context, location, target, result, context.Time.GetElapsedTime(started));
        return ExitCode.Ok;
    }

    private static async Task<DownloadResult> DownloadAsync(
        CommandContext context, LocateDiskResponse location, IReadOnlyList<DiskPlace> places, ImageTarget target, CancellationToken cancellationToken)
    {
        var limit = places.Count > 1 ? ReconnectLimitWithCopies : ReconnectLimit;
        var readers = places.Select(place => new DiskPlaceReader(place, context, limit)).ToList();
        try
        {
            return await new DiskDownload(readers, DownloadView.For(context, location.Disk)).RunAsync(target, cancellationToken);
        }
        finally
        {
            foreach (var reader in readers)
            {
                await reader.DisposeAsync();
            }
        }
    }

    private static void WriteResult(CommandContext context, LocateDiskResponse location, ImageTarget target, DownloadResult result, TimeSpan elapsed)
    {
        if (!context.Output.IsJson)
        {
            context.Output.Line(
                $"Disk {Cell.Printable(location.Disk.Alias)} of restore point {location.PointId} is in {target.Path}: "
                + $"{ByteText.Size(result.SizeBytes)}, of which {ByteText.Size(result.DataBytes)} data, in {TimeText.Length(elapsed)}; every digest holds.");
            foreach (var note in result.Notes)
            {
                context.Output.Line(Cell.Printable(note));
            }

            if (result.Notes.Count > 0)
            {
                context.Output.Line($"Data came from {string.Join(", ", result.Sources.Select(source => $"{Cell.Printable(source.Repository)} ({ByteText.Size(source.DataBytes)})"))}.");
            }

            return;
        }

        context.Output.Json(writer =>
        {
            writer.WriteStartObject();
            writer.WriteString("file", target.Path);
            writer.WriteString("point_id", location.PointId);
            writer.WriteString("disk_id", location.Disk.Id);
            writer.WriteString("disk_alias", location.Disk.Alias);
            writer.WriteNumber("size_bytes", result.SizeBytes);
            writer.WriteNumber("data_bytes", result.DataBytes);
            writer.WriteString("root_digest", result.RootDigest);
            WriteSources(writer, result);
            writer.WriteNumber("elapsed", Math.Round(elapsed.TotalSeconds, 3));
            writer.WriteEndObject();
        });
    }

    private static void WriteSources(Utf8JsonWriter writer, DownloadResult result)
    {
        writer.WriteStartArray("sources");
        foreach (var (repository, bytes) in result.Sources)
        {
            writer.WriteStartObject();
            writer.WriteString("repository", repository);
            writer.WriteNumber("data_bytes", bytes);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("notes");
        foreach (var note in result.Notes)
        {
            writer.WriteStringValue(note);
        }

        writer.WriteEndArray();
    }
}
