// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointRemoveCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { Description = "Id, or its first characters" };
    private readonly Option<bool> _last = new("--last") { Description = "Also when the VM has no other good restore point" };

    public PointRemoveCommand(CommandRunner runner)
        : base(runner, "remove", "Remove a restore point for good; no other one needs it")
    {
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_last);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new RemovePointRequest { Point = context.Value(_point), AllowLast = context.Value(_last) };
        var response = await server.Points.RemovePointAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Restore point {response.PointId} is removed. Garbage collection frees its space (ovd repository gc).");
        }

        return ExitCode.Ok;
    }
}
