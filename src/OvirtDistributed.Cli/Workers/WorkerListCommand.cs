// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Workers;

internal sealed class WorkerListCommand(CommandRunner runner) : ServerCommand(runner, "list", "List the workers and what they are busy with")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Workers.ListWorkersAsync(new ListWorkersRequest(), server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Workers.Count == 0)
        {
            context.Output.Line("No worker has reported yet: each cluster needs at least one before its VMs can be backed up.");
        }
        else
        {
            WorkerTable.Write(context, response.Workers);
        }

        return ExitCode.Ok;
    }
}
