// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal sealed class ManagerListCommand(CommandRunner runner) : ServerCommand(runner, "list", "List the managers")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Managers.ListManagersAsync(new ListManagersRequest(), server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Managers.Count == 0)
        {
            context.Output.Line("No managers yet. Connect one with: ovd manager add NAME --url https://HOST/ovirt-engine/api --user USER");
        }
        else
        {
            ManagerTable.Write(context, response.Managers);
        }

        return ExitCode.Ok;
    }
}
