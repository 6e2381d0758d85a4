// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Backups;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Cli.Watching;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

/// <summary>What comes after starting jobs: name them, or wait for them.</summary>
internal static class StartedJobs
{
    public static async Task<ExitCode> FinishAsync(
        CommandContext context, IReadOnlyList<Job> jobs, bool wait, CancellationToken cancellationToken, IReadOnlyList<LeftOutVm>? leftOut = null)
    {
        if (!wait)
        {
            Name(context, jobs, leftOut ?? []);
            return ExitCode.Ok;
        }

        var ended = await JobWait.RunAsync(context, jobs, cancellationToken);
        if (context.Output.IsJson)
        {
            WriteJson(context, ended, leftOut ?? []);
        }
        else
        {
            JobSummary.Write(context, ended);
            LeftOut.Write(context, leftOut ?? []);
        }

        return JobText.ExitCodeOf(ended);
    }

    private static void Name(CommandContext context, IReadOnlyList<Job> jobs, IReadOnlyList<LeftOutVm> leftOut)
    {
        if (context.Output.IsJson)
        {
            WriteJson(context, jobs, leftOut);
            return;
        }

        foreach (var job in jobs)
        {
            context.Output.Line($"Started {JobText.Kind(job.Kind)} of {Cell.Printable(job.VmName)}: job {job.Id}");
        }

        LeftOut.Write(context, leftOut);
        context.Output.Line($"Follow with: ovd job watch {string.Join(' ', jobs.Select(job => ShortIds.Cut(job.Id)))}");
    }

    private static void WriteJson(CommandContext context, IReadOnlyList<Job> jobs, IReadOnlyList<LeftOutVm> leftOut) => context.Output.Json(writer =>
    {
        writer.WriteStartObject();
        JsonLists.WriteArray(writer, "jobs", jobs);
        if (leftOut.Count > 0)
        {
            JsonLists.WriteArray(writer, "left_out", leftOut);
        }

        writer.WriteEndObject();
    });
}
