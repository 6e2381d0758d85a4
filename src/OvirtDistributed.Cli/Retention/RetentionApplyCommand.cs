// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionApplyCommand : ServerCommand
{
    private readonly Option<string> _vm = new("--vm") { Description = "Only this VM (name or id)", HelpName = "VM" };
    private readonly Option<string> _repository = new("--repository") { Description = "Only this repository (name or id)", HelpName = "REPOSITORY" };

    public RetentionApplyCommand(CommandRunner runner)
        : base(runner, "apply", "Remove now what no policy keeps; the backup server does the same by itself every hour")
    {
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_vm);
        Add(_repository);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new ApplyRetentionRequest { Vm = context.Text(_vm), Repository = context.Text(_repository) };
        var response = await server.Retention.ApplyRetentionAsync(request, server.Call(cancellationToken));
        var left = response.Removals.Count(removal => removal.Problem.Length > 0);
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Removals.Count == 0)
        {
            context.Output.Line("Nothing to remove.");
        }
        else
        {
            RetentionTable.Write(context, response.Removals, "removed");
            context.Output.Line();
            context.Output.Line($"{response.Removals.Count - left} removed{(left > 0 ? $", {left} could not be removed now" : "")}. Garbage collection frees their space.");
        }

        return left > 0 ? ExitCode.Refused : ExitCode.Ok;
    }
}
