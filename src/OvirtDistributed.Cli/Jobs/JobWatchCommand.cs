// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal sealed class JobWatchCommand : ServerCommand
{
    private readonly Argument<string[]> _ids = new("JOB")
    {
        HelpName = "JOB",
        Description = "Ids, or their first characters; all running jobs when left out",
        Arity = ArgumentArity.ZeroOrMore,
    };

    public JobWatchCommand(CommandRunner runner)
        : base(runner, "watch", "Follow jobs until they end; ends with their outcome. With -o json every change is one line.")
    {
        _ids.CompletionSources.Add(runner.Suggestions.Jobs);
        Add(_ids);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var jobs = await FindAsync(context, cancellationToken);
        if (jobs.Count == 0)
        {
            if (!context.Output.IsJson)
            {
                context.Output.Line("No job is running.");
            }

            return ExitCode.Ok;
        }

        var ended = await JobWait.RunAsync(context, jobs, cancellationToken, jsonLines: true);
        if (!context.Output.IsJson)
        {
            JobSummary.Write(context, ended);
        }

        return JobText.ExitCodeOf(ended);
    }

    private async Task<IReadOnlyList<Job>> FindAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var typed = context.Parse.GetValue(_ids) ?? [];
        if (typed.Length == 0)
        {
            var request = new ListJobsRequest { RunningOnly = true, Limit = 100 };
            return (await server.Jobs.ListJobsAsync(request, server.Call(cancellationToken))).Jobs;
        }

        var jobs = new List<Job>();
        foreach (var id in typed)
        {
            jobs.Add((await server.Jobs.GetJobAsync(new GetJobRequest { Id = id }, server.Call(cancellationToken))).Job);
        }

        return [.. jobs.DistinctBy(job => job.Id)];
    }
}
