// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Invocation;

/// <summary>The exit codes in words, as <c>ovd --help</c> and the documentation list them.</summary>
internal static class ExitCodeTexts
{
    public static IReadOnlyList<(ExitCode Code, string Text)> All { get; } =
    [
        (ExitCode.Ok, "success"),
        (ExitCode.JobFailed, "a job that was waited for failed or was cancelled"),
        (ExitCode.Usage, "wrong usage or invalid input"),
        (ExitCode.NotFound, "a manager, VM, job, restore point or disk does not exist"),
        (ExitCode.Unavailable, "the backup server (or a Data Mover) cannot be reached, or did not answer in time"),
        (ExitCode.Refused, "refused in the present state: exists already, in use, changed meanwhile, no space"),
        (ExitCode.Warning, "a job that was waited for succeeded, but something needs attention"),
        (ExitCode.Unauthorized, "not authenticated, or not allowed"),
        (ExitCode.DataDamaged, "stored data is missing or damaged"),
        (ExitCode.Unexpected, "unexpected error in ovd or in the backup server"),
        (ExitCode.LocalFile, "a file on this machine cannot be read or written"),
        (ExitCode.Interrupted, "interrupted (Ctrl-C); a job that was waited for goes on"),
    ];
}
