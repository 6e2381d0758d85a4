// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Ssh;

namespace OvirtDistributed.Worker.Commands;

/// <summary>
/// What runs in the guest: the command under coreutils' (or busybox') <c>timeout</c>, which ends its whole process group when the time is up. It ends too when
/// the connection does, so that a pre-command whose worker is gone cannot go on beside the post-command.
/// </summary>
internal static class GuestScript
{
    /// <summary>How long a program may take to end when it is asked to.</summary>
    public static readonly TimeSpan PatienceAfterTerm = TimeSpan.FromSeconds(5);

    // POSIX sh, on one line for shells that want it so. The standard input carries nothing: its end says that nobody waits any more. The watcher goes first, for the number
    // of an ended process may be another's soon. 255 means to ssh that it has failed itself, and programs do use it.
    private const string Text =
        "exec 3<&0; timeout -k \"$@\" 3<&- </dev/null & command=$!; { cat <&3; kill $command; } >/dev/null 2>&1 & watcher=$!; exec 3<&-; wait $command; code=$?; kill $watcher 2>/dev/null; "
        + "if [ $code = 255 ]; then echo 'ovd: exit code 255, told as 254 because 255 is that of ssh' >&2; code=254; fi; exit $code";

    /// <summary>The command line for the guest user's shell: every word is quoted, so that it makes nothing else of any.</summary>
    public static string CommandLine(TaskOrder order, TimeSpan limit)
    {
        var command = order.Command;
        string[] variables = [$"OVD_JOB={order.JobId}", $"OVD_VM_ID={command.VmId}", $"OVD_VM_NAME={order.VmName}", $"OVD_PHASE={command.Phase}"];
        string[] words =
        [
            Seconds(PatienceAfterTerm), Seconds(limit), "env", .. variables, .. command.Result.Length > 0 ? [$"OVD_RESULT={command.Result}"] : Array.Empty<string>(),
            command.Guest.Program, .. command.Arguments,
        ];
        return $"exec /bin/sh -c {SshClient.Quoted(Text)} ovd {string.Join(' ', words.Select(SshClient.Quoted))}";
    }

    // Busybox knows no fractions.
    private static string Seconds(TimeSpan time) => Math.Ceiling(time.TotalSeconds).ToString("F0", CultureInfo.InvariantCulture);
}
