// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionListCommand(CommandRunner runner) : ServerCommand(runner, "list", "List the policies and who has which")
{
    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Retention.ListRetentionPoliciesAsync(new ListRetentionPoliciesRequest(), server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
            return ExitCode.Ok;
        }

        if (response.Policies.Count == 0)
        {
            context.Output.Line("No retention policies yet: every restore point stays. Make one with: ovd retention set NAME --keep-daily 14 --keep-monthly 12 --default");
            return ExitCode.Ok;
        }

        var table = new TextTable("NAME", "DEFAULT", "KEEPS", "VMS");
        foreach (var policy in response.Policies)
        {
            table.Add(policy.Name, policy.IsDefault ? "yes" : "no", RuleText.Of(policy.Rule), string.Join(", ", policy.Vms));
        }

        table.WriteTo(context.Output);
        if (!response.Policies.Any(policy => policy.IsDefault))
        {
            context.Output.Line("No policy is the default: VMs without one keep every restore point.");
        }

        return ExitCode.Ok;
    }
}
