// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointUnpinCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { Description = "Id, or its first characters" };

    public PointUnpinCommand(CommandRunner runner)
        : base(runner, "unpin", "Leave a restore point to its retention policy again")
    {
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Retention.UnpinPointAsync(new UnpinPointRequest { Point = context.Value(_point) }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Restore point {response.PointId} {(response.WasPinned ? "is no longer pinned" : "was not pinned")}.");
        }

        return ExitCode.Ok;
    }
}
