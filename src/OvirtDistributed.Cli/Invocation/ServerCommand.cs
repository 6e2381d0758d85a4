// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;

namespace OvirtDistributed.Cli.Invocation;

/// <summary>A command that does something, as opposed to a group of commands.</summary>
internal abstract class ServerCommand : Command
{
    protected ServerCommand(CommandRunner runner, string name, string description)
        : base(name, description) =>
        SetAction((parse, cancellationToken) => runner.RunAsync(parse, this, cancellationToken));

    /// <summary>Does the work. Failures are thrown; the runner turns them into message and exit code.</summary>
    public abstract Task<ExitCode> ExecuteAsync(CommandContext context, CancellationToken cancellationToken);
}
