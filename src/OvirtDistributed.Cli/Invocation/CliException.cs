// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>Ends a command with a message for the operator.</summary>
/// <param name="exitCode">What the process ends with.</param>
/// <param name="code">The same for programs that read the error as JSON; finer than the exit code.</param>
/// <param name="message">Names the field or thing, the value and what to do.</param>
internal sealed class CliException(ExitCode exitCode, string code, string message) : Exception(message)
{
    public ExitCode ExitCode { get; } = exitCode;

    public string Code { get; } = code;

    public static CliException Invalid(string message) => new(ExitCode.Usage, "invalid_input", message);

    public static CliException Refused(string message) => new(ExitCode.Refused, "refused", message);

    public static CliException Damaged(string message) => new(ExitCode.DataDamaged, "data_damaged", message);

    public static CliException LocalFile(string message) => new(ExitCode.LocalFile, "local_file", message);
}
