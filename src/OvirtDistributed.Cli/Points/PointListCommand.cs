// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointListCommand : ServerCommand
{
    private readonly Option<string> _vm = new("--vm") { Description = "Only restore points of this VM (name or id)", HelpName = "VM" };
    private readonly Option<string> _repository = new("--repository") { Description = "Only restore points in this repository (name or id)", HelpName = "REPOSITORY" };

    public PointListCommand(CommandRunner runner)
        : base(runner, "list", "List restore points. Each can be restored alone, whatever its mode.")
    {
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_vm);
        Add(_repository);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new ListPointsRequest { Vm = context.Text(_vm), Repository = context.Text(_repository) };
        var response = await server.Points.ListPointsAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Points.Count == 0)
        {
            context.Output.Line(request.Vm.Length + request.Repository.Length > 0
                ? "No restore points match."
                : "No restore points yet. Make one with: ovd backup run VM");
        }
        else
        {
            Write(context, response.Points);
        }

        return ExitCode.Ok;
    }

    private static void Write(CommandContext context, IReadOnlyCollection<RestorePoint> points)
    {
        var length = ShortIds.LengthFor(points.Select(point => point.Id));
        var table = new TextTable("ID", "VM", "MANAGER", "CREATED", "MODE", "CONSISTENCY", ">DISKS", ">SIZE", ">READ", ">STORED", "REPOSITORY", "WARNINGS");
        foreach (var point in points)
        {
            table.Add(
                ShortIds.Cut(point.Id, length),
                point.VmName,
                point.Manager,
                TimeText.Relative(point.Created, context.Time),
                point.Mode,
                point.Consistency,
                $"{point.Disks.Count}",
                ByteText.Size(point.SizeBytes),
                ByteText.Size(point.ReadBytes),
                ByteText.Size(point.StoredBytes),
                point.Repository,
                Warnings(point));
        }

        table.WriteTo(context.Output);
        if (points.Any(point => point.Warnings.Count > 0))
        {
            context.Output.Line();
            context.Output.Line("What the warnings say: ovd point show ID");
        }
    }

    /// <summary>How many, since a sentence for each would make the table too wide; that a point is damaged must not be missed.</summary>
    private static Cell Warnings(RestorePoint point) => (point.Damaged, point.Warnings.Count) switch
    {
        (true, <= 1) => new Cell("damaged", Tone.Bad),
        (true, var count) => new Cell($"damaged, {count - 1} more", Tone.Bad),
        (false, 0) => new Cell("", Tone.Plain),
        (false, var count) => new Cell($"{count}", Tone.Attention),
    };
}
