// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal sealed class RetentionPreviewCommand : ServerCommand
{
    private readonly Option<string> _vm = new("--vm") { Description = "Only this VM (name or id)", HelpName = "VM" };
    private readonly Option<string> _repository = new("--repository") { Description = "Only this repository (name or id)", HelpName = "REPOSITORY" };
    private readonly Option<string> _policy = new("--policy") { Description = "Try this policy instead of each VM's own", HelpName = "POLICY" };
    private readonly RuleOptions _rule = new();

    public RetentionPreviewCommand(CommandRunner runner)
        : base(runner, "preview", "Show which restore points stay, by which rule, and which would go now. Changes nothing. With --keep-... options a rule is tried out.")
    {
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        _policy.CompletionSources.Add(runner.Suggestions.RetentionPolicies);
        foreach (var option in new Option[] { _vm, _repository, _policy }.Concat(_rule.All))
        {
            Add(option);
        }
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var request = new PreviewRetentionRequest { Vm = context.Text(_vm), Repository = context.Text(_repository), Policy = context.Text(_policy) };
        if (_rule.From(context) is { } rule)
        {
            request.Rule = rule;
        }

        if (request.Rule is not null && request.Policy.Length > 0)
        {
            throw CliException.Invalid("--policy and --keep-... options exclude each other: try one or the other.");
        }

        var server = context.Server;
        var response = await server.Retention.PreviewRetentionAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Decisions.Count == 0)
        {
            context.Output.Line("No restore points match.");
        }
        else
        {
            RetentionTable.Write(context, response.Decisions);
            var going = response.Decisions.Count(decision => !decision.Keep);
            context.Output.Line();
            context.Output.Line($"{response.Decisions.Count - going} stay, {going} would go.");
        }

        return ExitCode.Ok;
    }
}
