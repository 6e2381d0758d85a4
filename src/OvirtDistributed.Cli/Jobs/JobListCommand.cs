// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal sealed class JobListCommand : ServerCommand
{
    private const int DefaultLimit = 50;

    private readonly Option<int?> _limit = new("--limit") { Description = $"At most this many, newest first; default {DefaultLimit}", HelpName = "N" };
    private readonly Option<bool> _running = new("--running") { Description = "Only jobs that run now" };
    private readonly Option<string> _vm = new("--vm") { Description = "Only jobs of this VM (name or id)", HelpName = "VM" };

    public JobListCommand(CommandRunner runner)
        : base(runner, "list", "List jobs, newest first")
    {
        Add(_limit);
        Add(_running);
        _vm.CompletionSources.Add(runner.Suggestions.Vms);
        Add(_vm);
        Validators.Add(result =>
        {
            if (result.GetValue(_limit) <= 0)
            {
                result.AddError("--limit must be a positive number.");
            }
        });
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new ListJobsRequest { Limit = context.Value(_limit) ?? DefaultLimit, RunningOnly = context.Value(_running), Vm = context.Text(_vm) };
        var response = await server.Jobs.ListJobsAsync(request, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
        }
        else if (response.Jobs.Count == 0)
        {
            context.Output.Line(request.RunningOnly ? "No job is running." : "No jobs.");
        }
        else
        {
            JobTable.Write(context, response.Jobs);
        }

        return ExitCode.Ok;
    }
}
