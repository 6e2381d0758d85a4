// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Repositories;

internal sealed class RepositoryListCommand(CommandRunner runner) : ServerCommand(runner, "list", "List the repositories")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Repositories.ListRepositoriesAsync(new ListRepositoriesRequest(), server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Repositories.Count == 0)
        {
            context.Output.Line("No repositories yet. Add one with: ovd repository add NAME --mover https://HOST:PORT --create");
        }
        else
        {
            RepositoryTable.Write(context, response.Repositories);
        }

        return ExitCode.Ok;
    }
}
