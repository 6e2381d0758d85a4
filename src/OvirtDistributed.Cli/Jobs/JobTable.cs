// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal static class JobTable
{
    public static void Write(CommandContext context, IReadOnlyCollection<Job> jobs)
    {
        var length = ShortIds.LengthFor(jobs.Select(job => job.Id));
        var table = new TextTable("ID", "KIND", "VM", "OUTCOME", "STATE", ">DONE", "STARTED", ">TOOK", "MODE", "MESSAGE");
        foreach (var job in jobs)
        {
            var (outcome, tone) = JobText.Outcome(job.Outcome);
            table.Add(
                ShortIds.Cut(job.Id, length),
                JobText.Kind(job.Kind),
                JobText.Vm(job),
                new Cell(outcome, tone),
                job.State,
                JobText.Fraction(job.Progress) is { } fraction ? $"{Math.Floor(fraction * 100):0}%" : "",
                TimeText.Relative(job.Created, context.Time),
                TimeText.Length(JobText.Duration(job, context.Time)),
                job.Mode,
                new Cell(job.Message, tone));
        }

        table.WriteTo(context.Output);
    }
}
