// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Diagnostics;
using OvirtDistributed.Cli.Completion;
using OvirtDistributed.Cli.Connection;
using OvirtDistributed.Cli.Output;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>Runs a command: output, settings, trace and, at the end, exit code.</summary>
internal sealed class CommandRunner(CliHost host, GlobalOptions options)
{
    public CliHost Host { get; } = host;

    public ServerSuggestions Suggestions { get; } = new(host, options);

    public async Task<int> RunAsync(ParseResult parse, ServerCommand command, CancellationToken cancellationToken)
    {
        using var telemetry = CliTelemetry.Start(Host);
        using var activity = CliTelemetry.StartCommand(command);
        var output = CreateOutput(parse);
        using var context = new CommandContext(Host, parse, output, () => new SettingsReader(Host, options).Read(parse));
        try
        {
            return (int)await command.ExecuteAsync(context, cancellationToken);
        }
        catch (Exception exception)
        {
            // The edge of the process: an operator gets one message and an exit code, whatever happened.
            var failure = cancellationToken.IsCancellationRequested && exception is OperationCanceledException
                ? new Failure(ExitCode.Interrupted, "interrupted", "Interrupted.")
                : FieldNames.Translate(Failure.From(exception, context.Address ?? "the server"), parse);
            activity?.SetStatus(ActivityStatusCode.Error, failure.Code);
            output.Failure(failure);
            return (int)failure.ExitCode;
        }
    }

    public OutputWriter CreateOutput(ParseResult parse)
    {
        var noColor = options.IsColorOff(parse) || Host.Environment("NO_COLOR") is { Length: > 0 };
        var dumb = Host.Environment("TERM") is "dumb";
        return new OutputWriter(Host, options.FormatOf(parse), fancy: Host.OutputIsTerminal && !noColor && !dumb);
    }
}
