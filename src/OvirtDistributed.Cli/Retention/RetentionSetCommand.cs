// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionSetCommand : ServerCommand
{
    private readonly Argument<string> _name = new("NAME") { Description = "Name of the policy" };
    private readonly RuleOptions _rule = new();
    private readonly Option<bool> _default = new("--default") { Description = "Holds for every VM without a policy of its own" };
    private readonly Option<bool> _notDefault = new("--not-default") { Description = "No longer the default: VMs without a policy of their own then keep everything" };

    public RetentionSetCommand(CommandRunner runner)
        : base(runner, "set", "Create a policy, or replace the whole rule of the one that has this name. A restore point stays when any part of the rule wants it.")
    {
        Add(_name);
        foreach (var option in _rule.All.Concat([_default, _notDefault]))
        {
            Add(option);
        }
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = new SetRetentionPolicyRequest
        {
            Name = context.Value(_name),
            Rule = _rule.From(context) ?? throw CliException.Invalid("Nothing says what to keep: give at least one of --keep-last, --keep-daily and the like (ovd retention set --help)."),
            MakeDefault = context.Value(_default),
            ClearDefault = context.Value(_notDefault),
        };
        var server = context.Server;
        var response = await server.Retention.SetRetentionPolicyAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
            return ExitCode.Ok;
        }

        var policy = response.Policy;
        context.Output.Line($"Retention policy {policy.Name} is {(response.Created ? "created" : "changed")}: it keeps {RuleText.Of(policy.Rule)}.");
        context.Output.Line(policy.IsDefault
            ? "It is the default. See what it would remove with: ovd retention preview"
            : $"See what it would do with: ovd retention preview --policy {policy.Name}");
        return ExitCode.Ok;
    }
}
