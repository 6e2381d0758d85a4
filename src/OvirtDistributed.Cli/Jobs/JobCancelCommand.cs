// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal sealed class JobCancelCommand : ServerCommand
{
    private readonly Argument<string> _id = new("JOB") { HelpName = "JOB", Description = "Id, or its first characters" };
    private readonly Option<bool> _wait = new("--wait") { Description = "Wait until the job has ended and cleaned up" };

    public JobCancelCommand(CommandRunner runner)
        : base(runner, "cancel", "Ask a running job to stop and clean up")
    {
        _id.CompletionSources.Add(runner.Suggestions.Jobs);
        Add(_id);
        Add(_wait);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var job = (await server.Jobs.CancelJobAsync(new CancelJobRequest { Id = context.Value(_id) }, server.Call(cancellationToken))).Job;
        var tooLate = JobText.HasEnded(job);
        if (context.Value(_wait) && !tooLate)
        {
            job = (await JobWait.RunAsync(context, [job], cancellationToken))[0];
        }

        if (context.Output.IsJson)
        {
            context.Output.Json(job);
        }
        else if (JobText.HasEnded(job))
        {
            context.Output.Line($"Job {ShortIds.Cut(job.Id)} {(tooLate ? "had ended before it could be cancelled" : "has ended")}: {JobText.Ending(job, context.Time)}.");
        }
        else
        {
            context.Output.Line($"Job {ShortIds.Cut(job.Id)} was asked to stop; it still cleans up. Follow it with: ovd job watch {ShortIds.Cut(job.Id)}");
        }

        return ExitCode.Ok;
    }
}
