// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;
using OvirtDistributed.Cli.Output;
using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Jobs;

internal sealed class JobLogsCommand : ServerCommand
{
    private readonly Argument<string> _id = new("JOB") { HelpName = "JOB", Description = "Id, or its first characters" };

    public JobLogsCommand(CommandRunner runner)
        : base(runner, "logs", "Show what a job wrote down, oldest first")
    {
        _id.CompletionSources.Add(runner.Suggestions.Jobs);
        Add(_id);
    }

    public override async Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        var server = context.Server;
        var response = await server.Jobs.ListJobLogsAsync(new ListJobLogsRequest { Id = context.Value(_id) }, server.Call(cancellationToken));
        if (context.Output.IsJson)
        {
            context.Output.Json(response);
            return ExitCode.Ok;
        }

        foreach (var entry in response.Entries)
        {
            var tone = entry.Severity switch
            {
                "error" => Tone.Bad,
                "warning" => Tone.Attention,
                _ => Tone.Plain,
            };
            var line = new StyledLine()
                .Add(entry.Time is null ? "-" : TimeText.Absolute(entry.Time.ToDateTimeOffset()), Tone.Faint)
                .Add($"  {Cell.Printable(entry.Severity),-7}  ", tone)
                .Add(Cell.Printable(entry.Message));
            if (entry.TaskId.Length > 0)
            {
                line.Add($"  [task {ShortIds.Cut(Cell.Printable(entry.TaskId))}]", Tone.Faint);
            }

            context.Output.Line(line);
        }

        return ExitCode.Ok;
    }
}
