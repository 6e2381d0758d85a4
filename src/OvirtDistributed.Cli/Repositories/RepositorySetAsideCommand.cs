// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Repositories;

/// <summary>Nothing is asked, as nothing is deleted: the manifest, which nobody can read, is moved.</summary>
internal sealed class RepositorySetAsideCommand : ServerCommand
{
    private readonly Argument<string> _repository = new("REPOSITORY") { Description = "Name or id of the repository" };
    private readonly Argument<string> _point = new("POINT") { Description = "Id, its first characters, or the name of its manifest (ovd repository damaged)" };

    public RepositorySetAsideCommand(CommandRunner runner)
        : base(runner, "set-aside", "Give up a restore point whose manifest cannot be read: the manifest is moved out of the way, so that space can be given back")
    {
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_repository);
        Add(_point);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new SetPointAsideRequest { Repository = context.Value(_repository), Point = context.Value(_point) };
        var response = await server.Repositories.SetPointAsideAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line(
                $"Restore point {response.PointId} is no point of repository {request.Repository} any more"
                + $"{(response.MovedTo.Length > 0 ? $": its manifest is {response.MovedTo} now" : "")}. What only it used goes with the next rounds of garbage collection (ovd repository gc {request.Repository}).");
        }

        return ExitCode.Ok;
    }
}
