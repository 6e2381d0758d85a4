// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointPinCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { Description = "Id, or its first characters" };
    private readonly Option<string> _reason = new("--reason") { Description = "Why it is kept", HelpName = "TEXT" };

    public PointPinCommand(CommandRunner runner)
        : base(runner, "pin", "Keep a restore point whatever its retention policy says, until it is unpinned")
    {
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_reason);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new PinPointRequest { Point = context.Value(_point), Reason = context.Text(_reason) };
        var response = await server.Retention.PinPointAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Restore point {response.PointId} is pinned.");
        }

        return ExitCode.Ok;
    }
}
