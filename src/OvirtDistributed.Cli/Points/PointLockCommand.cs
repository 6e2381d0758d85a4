// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Points;

internal sealed class PointLockCommand : ServerCommand
{
    private readonly Argument<string> _point = new("POINT") { Description = "Id, or its first characters" };
    private readonly Option<int> _days = new("--days") { Description = "How long from now on", HelpName = "DAYS", Required = true };

    public PointLockCommand(CommandRunner runner)
        : base(runner, "lock", "Lock a restore point: nobody can remove it before the lock ends, and no command ends it early")
    {
        _point.CompletionSources.Add(runner.Suggestions.Points);
        Add(_point);
        Add(_days);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new LockPointRequest { Point = context.Value(_point), Days = context.Value(_days) };
        var response = await server.Points.LockPointAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Restore point {response.PointId} is locked until {TimeText.Both(response.LockedUntil, context.Time)}.");
        }

        return ExitCode.Ok;
    }
}
