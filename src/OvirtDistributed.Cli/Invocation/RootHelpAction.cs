// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The usual help; on the first page followed by the exit codes.</summary>
internal sealed class RootHelpAction(HelpAction inner) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var result = inner.Invoke(parseResult);
        if (parseResult.CommandResult.Command is RootCommand)
        {
            var output = parseResult.InvocationConfiguration.Output;
            output.WriteLine("Exit codes:");
            foreach (var (code, text) in ExitCodeTexts.All)
            {
                output.WriteLine($"  {(int)code,-3}  {text}");
            }

            output.WriteLine();
        }

        return result;
    }
}
