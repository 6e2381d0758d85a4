// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Repositories;

internal sealed class RepositoryDamagedCommand : ServerCommand
{
    private readonly Argument<string> _repository = new("REPOSITORY") { Description = "Name or id of the repository" };

    public RepositoryDamagedCommand(CommandRunner runner)
        : base(runner, "damaged", "List restore points whose manifests cannot be read; while there are any, no space is given back")
    {
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_repository);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var repository = context.Value(_repository);
        var response = await server.Repositories.ListDamagedPointsAsync(new ListDamagedPointsRequest { Repository = repository }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Points.Count == 0)
        {
            context.Output.Line($"All restore points of repository {repository} can be read.");
        }
        else
        {
            Write(context, repository, response.Points);
        }

        return ExitCode.Ok;
    }

    private static void Write(CommandContext context, string repository, IEnumerable<DamagedPoint> points)
    {
        var table = new TextTable("ID", "VM", "MANAGER", "CREATED", "LOCKED UNTIL", "MANIFEST", "PROBLEM");
        foreach (var point in points)
        {
            table.Add(
                point.PointId,
                point.VmName,
                point.Manager,
                TimeText.Relative(point.Created, context.Time),
                point.LockedUntil is { } until ? TimeText.Absolute(until.ToDateTimeOffset()) : "",
                point.Path,
                new Cell(point.Problem, Tone.Bad));
        }

        table.WriteTo(context.Output);
        context.Output.Line($"Put a whole copy in a manifest's place, or give the point up: ovd repository set-aside {repository} ID");
    }
}
