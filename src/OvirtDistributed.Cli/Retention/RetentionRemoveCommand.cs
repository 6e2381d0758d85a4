// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionRemoveCommand : ServerCommand
{
    private readonly Argument<string> _policy = new("POLICY") { Description = "Name or id" };

    public RetentionRemoveCommand(CommandRunner runner)
        : base(runner, "remove", "Remove a policy; refused while VMs have it. Removes no restore point.")
    {
        _policy.CompletionSources.Add(runner.Suggestions.RetentionPolicies);
        Add(_policy);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var policy = context.Value(_policy);
        var response = await server.Retention.RemoveRetentionPolicyAsync(new RemoveRetentionPolicyRequest { Policy = policy }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            context.Output.Line($"Retention policy {policy} is removed.");
        }

        return ExitCode.Ok;
    }
}
