// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal sealed class JobShowCommand : ServerCommand
{
    private readonly Argument<string> _id = new("JOB") { HelpName = "JOB", Description = "Id, or its first characters" };

    public JobShowCommand(CommandRunner runner)
        : base(runner, "show", "Show a job: disks, amounts, where the time went")
    {
        _id.CompletionSources.Add(runner.Suggestions.Jobs);
        Add(_id);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Jobs.GetJobAsync(new GetJobRequest { Id = context.Value(_id) }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response.Job);
        }
        else
        {
            JobPage.Write(context, response.Job);
        }

        return ExitCode.Ok;
    }
}
