// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Repositories;

internal sealed class RepositoryRemoveCommand : ServerCommand
{
    private readonly Argument<string> _repository = new("REPOSITORY") { Description = "Name or id of the repository" };
    private readonly Option<bool> _forgetPoints = new("--forget-points") { Description = "Also when it has restore points: they stay in it, and this server does not list them any more" };

    public RepositoryRemoveCommand(CommandRunner runner)
        : base(runner, "remove", "Forget a repository. Its data stay where they are; refused while jobs use it.")
    {
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_repository);
        Add(_forgetPoints);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new RemoveRepositoryRequest { Repository = context.Value(_repository), ForgetPoints = context.Value(_forgetPoints) };
        var response = await server.Repositories.RemoveRepositoryAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (!response.Removed)
        {
            context.Output.Line($"There is no repository {request.Repository} (ovd repository list): nothing was removed.");
        }
        else
        {
            Write(context, response);
        }

        return ExitCode.Ok;
    }

    private static void Write(CommandContext context, RemoveRepositoryResponse response)
    {
        var repository = response.Repository;
        var nameThere = repository.MoverRepository == repository.Name ? "" : $" --mover-repository {repository.MoverRepository}";
        context.Output.Line($"Repository {repository.Name} is not known any more{(response.Points > 0 ? $", nor are its {response.Points} restore points" : "")}.");
        context.Output.Line($"Its data stay at {repository.Location}{(repository.Encrypted ? ", and its key here" : "")}. Known again with: ovd repository add {repository.Name} --mover {repository.MoverAddress}{nameThere}");
    }
}
