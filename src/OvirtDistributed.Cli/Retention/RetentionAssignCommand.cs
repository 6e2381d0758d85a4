// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionAssignCommand : ServerCommand
{
    private readonly Argument<string[]> _vms = new("VM") { Description = "Names or ids", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string> _policy = new("--policy") { Description = "The policy (name or id)", HelpName = "POLICY" };
    private readonly Option<bool> _default = new("--default") { Description = "Back to the default policy" };

    public RetentionAssignCommand(CommandRunner runner)
        : base(runner, "assign", "Give VMs a policy of their own, or the default again")
    {
        _vms.CompletionSources.Add(runner.Suggestions.Vms);
        _policy.CompletionSources.Add(runner.Suggestions.RetentionPolicies);
        Add(_vms);
        Add(_policy);
        Add(_default);
        Validators.Add(result =>
        {
            if (string.IsNullOrEmpty(result.GetValue(_policy)) != result.GetValue(_default))
            {
                result.AddError("Give either --policy POLICY or --default.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new AssignRetentionPolicyRequest { Policy = context.Text(_policy), Vms = { context.Value(_vms).Distinct() } };
        var response = await server.Retention.AssignRetentionPolicyAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else
        {
            var policy = request.Policy.Length == 0 ? "the default policy" : $"policy {request.Policy}";
            context.Output.Line($"{string.Join(", ", response.Vms)}: {policy} from now on. See what it does with: ovd retention preview --vm {response.Vms[0]}");
        }

        return ExitCode.Ok;
    }
}
