// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Completion;

internal sealed class CompletionCommand : ServerCommand
{
    private readonly Argument<string> _shell = new("SHELL") { Description = "bash, zsh or fish" };

    public CompletionCommand(CommandRunner runner)
        : base(runner, "completion", "Print a script that completes ovd in a shell. For bash: source <(ovd completion bash)")
    {
        _shell.AcceptOnlyFromAmong([.. CompletionScripts.All.Keys]);
        Add(_shell);
    }

    public override Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken)
    {
        context.Output.Line(CompletionScripts.All[context.Value(_shell)].TrimEnd());
        return Task.FromResult(ExitCode.Ok);
    }
}
