// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Invocation;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The entry point behind <c>Program</c>: from arguments to exit code.</summary>
internal static class CliApplication
{
    /// <summary>Runs one invocation. Never throws.</summary>
    /// <param name="args">The arguments.</param>
    /// <param name="host">Streams, environment and clock.</param>
    /// <param name="interrupted">Ends when the operator presses Ctrl-C.</param>
    public static async Task<int> RunAsync(string[] args, CliHost host, CancellationToken interrupted)
    {
        var options = new GlobalOptions();
        var runner = new CommandRunner(host, options);
        var root = CommandTree.Build(runner, options);
        EmptyValues.Refuse(root);

        // A name that begins with @ is a name, not a file of arguments.
        var parse = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var invocation = new InvocationConfiguration
        {
            Output = host.Out,
            Error = host.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            if (parse.Action is ParseErrorAction)
            {
                return UsageError(parse, runner);
            }

            return await parse.InvokeAsync(invocation, interrupted);
        }
        catch (Exception exception)
        {
            var failure = Failure.From(exception, null);
            runner.CreateOutput(parse).Failure(failure);
            return (int)failure.ExitCode;
        }
    }

    /// <summary>The parser names types of the program's language where it means what to write.</summary>
    private static string InWords(string message)
    {
        var (start, known) = (message.IndexOf(" as expected type '", StringComparison.Ordinal), message.TrimEnd('.'));
        if (start < 0)
        {
            return message;
        }

        var expected = known.Contains("Int32", StringComparison.Ordinal) || known.Contains("Int64", StringComparison.Ordinal) ? "write a whole number"
            : known.Contains("TimeSpan", StringComparison.Ordinal) ? "write a duration, for example 00:00:30"
            : known.Contains("Boolean", StringComparison.Ordinal) ? "write true or false"
            : "it is not of the kind that the option takes, see --help";
        return $"{message[..start]}: {expected}.";
    }

    private static int UsageError(ParseResult parse, CommandRunner runner)
    {
        var output = runner.CreateOutput(parse);
        var messages = parse.Errors.Select(error => InWords(error.Message)).Distinct().ToList();
        // A mistyped command is reported as unknown and, again, as missing: once is enough.
        var unknown = parse.UnmatchedTokens.Count > 0 && parse.CommandResult.Command.Subcommands.Count > 0;
        var message = unknown
            ? $"'{parse.UnmatchedTokens[0]}' is not a command here; there are: {string.Join(", ", parse.CommandResult.Command.Subcommands.Select(command => command.Name))}."
            : string.Join('\n', messages);
        output.Failure(new Failure(ExitCode.Usage, "invalid_input", message));
        if (!output.IsJson)
        {
            runner.Host.Error.WriteLine($"See: {CommandPath(parse)} --help");
        }

        return (int)ExitCode.Usage;
    }

    private static string CommandPath(ParseResult parse)
    {
        var names = new List<string>();
        for (var result = parse.CommandResult; result is not null; result = result.Parent as System.CommandLine.Parsing.CommandResult)
        {
            names.Insert(0, result.Command is RootCommand ? "ovd" : result.Command.Name);
        }

        return string.Join(' ', names);
    }
}
