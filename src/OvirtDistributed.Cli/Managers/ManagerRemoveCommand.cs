// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Managers;

internal sealed class ManagerRemoveCommand : ServerCommand
{
    private readonly Argument<string> _manager = new("MANAGER") { HelpName = "MANAGER", Description = "Name or id" };

    public ManagerRemoveCommand(CommandRunner runner)
        : base(runner, "remove", "Forget a manager. Its restore points stay; refused while jobs of it run.")
    {
        _manager.CompletionSources.Add(runner.Suggestions.Managers);
        Add(_manager);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var manager = context.Value(_manager);
        var response = await server.Managers.RemoveManagerAsync(new RemoveManagerRequest { Manager = manager }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Manager {manager} is removed. Its restore points stay.");
        }

        return ExitCode.Ok;
    }
}
