// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using Grpc.Core;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Contracts.Mover.V1;
using CollectGarbageRequest = OvirtDistributed.Contracts.Admin.V1.CollectGarbageRequest;

namespace OvirtDistributed.Cli.Repositories;

internal sealed class RepositoryCollectCommand : ServerCommand
{
    private readonly Argument<string> _repository = new("REPOSITORY") { Description = "Name or id of the repository" };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only say what would be given back" };

    public RepositoryCollectCommand(CommandRunner runner)
        : base(runner, "gc", "Give back the space of what no restore point reaches; the Data Mover does the same by itself every day")
    {
        _repository.CompletionSources.Add(runner.Suggestions.Repositories);
        Add(_repository);
        Add(_dryRun);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var request = new CollectGarbageRequest { Repository = context.Value(_repository), DryRun = context.Value(_dryRun) };

        // No time limit: the progress shows that it lives.
        using var call = server.Repositories.CollectGarbage(request, cancellationToken: cancellationToken);
        GarbageReport? report = null;
        var shown = 0;
        await foreach (var step in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            report = step.Report ?? report;
            var percent = step.PacksTotal == 0 ? 0 : (int)(100L * step.PacksDone / step.PacksTotal);
            if (!context.Output.IsJson && percent >= shown + 10)
            {
                shown = percent;
                context.Output.Line($"{step.PacksDone} of {step.PacksTotal} packs looked at");
            }
        }

        if (report is null)
        {
            throw new CliException(ExitCode.Unavailable, "unavailable", "The round ended without a report: look at the Data Mover's log.");
        }

        if (context.Output.IsJson)
        {
            context.Output.Json(report);
        }
        else
        {
            Write(context, report);
            if (report.Problems.Count > 0)
            {
                context.Output.Line($"Restore points that cannot be read are listed by: ovd repository damaged {request.Repository}");
            }
        }

        return report.Problems.Count > 0 ? ExitCode.DataDamaged : ExitCode.Ok;
    }

    private static void Write(CommandContext context, GarbageReport report)
    {
        foreach (var problem in report.Problems)
        {
            context.Output.Line(new StyledLine().Add($"Not given back: {Cell.Printable(problem)}", Tone.Bad));
        }

        var use = report.PackBytes == 0 ? 100 : 100.0 * report.LiveBytes / report.PackBytes;
        context.Output.Line($"{report.Points} restore points use {ByteText.Size(report.LiveBytes)} of {ByteText.Size(report.PackBytes)} in {report.Packs} packs ({use:F0} %).");
        var would = report.DryRun ? "would be" : "are";
        context.Output.Line($"{report.DeadPacks} packs without use ({ByteText.Size(report.DeadBytes)}) {would} dispensable.");
        context.Output.Line(
            $"{report.RewrittenPacks} packs little used ({ByteText.Size(report.RewrittenPackBytes)}, of which {ByteText.Size(report.CopiedBytes)} in use) "
            + $"{(report.DryRun ? "would be" : "were")} rewritten.");
        if (report.MergedPacks > 0)
        {
            context.Output.Line($"{report.MergedPacks} of them are small packs that {(report.DryRun ? "would be" : "were")} merged.");
        }

        if (report.BusyPacks > 0)
        {
            context.Output.Line($"{report.BusyPacks} packs were used meanwhile and stay until the next round.");
        }

        if (!report.DryRun)
        {
            context.Output.Line($"{report.RemovedPacks} packs removed: {ByteText.Size(report.RemovedBytes)} are free again.");
        }

        if (report.WaitingPacks > 0)
        {
            context.Output.Line($"{report.WaitingPacks} packs ({ByteText.Size(report.WaitingBytes)}) go when their grace is over.");
        }
    }
}
