// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The surroundings of one invocation: streams, terminal, environment, clock. Everything the CLI takes from the process comes through here.</summary>
internal sealed class CliHost
{
    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    public required TextReader In { get; init; }

    /// <summary>Value of an environment variable; null when it is not set.</summary>
    public required Func<string, string?> Environment { get; init; }

    public required string HomeDirectory { get; init; }

    public required TimeProvider Time { get; init; }

    /// <summary>Standard output is a terminal: colours and live progress are possible.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Somebody can answer a question.</summary>
    public bool InputIsTerminal { get; init; }

    public int TerminalWidth { get; init; } = 120;

    /// <summary>Shows a prompt and reads a line without echo; null at the end of input.</summary>
    public required Func<string, CancellationToken, Task<string?>> ReadSecretAsync { get; init; }
}
