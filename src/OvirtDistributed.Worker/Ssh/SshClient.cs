// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Ssh;

/// <summary>
/// Starts the OpenSSH client so that it asks nobody, trusts pinned host keys alone and uses nothing of this machine's configuration. Secrets lie in a folder of
/// the caller's that only this user can enter, never in arguments or the environment.
/// </summary>
internal static class SshClient
{
    /// <summary>Program of the OpenSSH client.</summary>
    public const string Program = "ssh";

    /// <summary>The client's exit code when it, and not the command, has failed.</summary>
    public const int ConnectionFailed = 255;

    private const UnixFileMode OwnersFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    // Knows its folder by its own path.
    private const string AskScript = "#!/bin/sh\nexec cat \"${0%/*}/password\"\n";

    private static readonly string[] Settings =
    [
        "StrictHostKeyChecking=yes", "GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no", "CheckHostIP=no", "IdentitiesOnly=yes", "IdentityAgent=none",
        "ControlMaster=no", "ControlPath=none", "ForwardAgent=no", "ForwardX11=no", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4", "EscapeChar=none",
    ];

    /// <summary>Starts the client with all three streams redirected.</summary>
    /// <param name="access">The machine.</param>
    /// <param name="directory">Folder for the secrets; the caller removes it.</param>
    /// <param name="options">Further options of the client.</param>
    /// <param name="command">For the machine's shell.</param>
    /// <param name="cancellationToken">Gives up writing the secrets.</param>
    /// <exception cref="Win32Exception">There is no client; <see cref="Explained"/> has words for it.</exception>
    /// <exception cref="IOException">The secrets cannot be written.</exception>
    public static async Task<Process> StartAsync(SshAccess access, string directory, IEnumerable<string> options, string command, CancellationToken cancellationToken)
    {
        await WriteAsync(KnownHostsIn(directory), access.KnownHosts, OwnersFile, cancellationToken);
        var start = new ProcessStartInfo(Program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        var login = access.Password.Length > 0
            ? await ByPasswordAsync(start, access.Password, directory, cancellationToken)
            : await ByKeyAsync(access.PrivateKey, directory, cancellationToken);
        string[] settings = [.. Settings, $"UserKnownHostsFile={KnownHostsIn(directory)}", $"HostKeyAlias={access.KeyName}", .. login];
        string[] arguments =
        [
            "-T", "-F", "/dev/null", "-p", access.Port.ToString(CultureInfo.InvariantCulture), "-l", access.User, .. settings.SelectMany(setting => new[] { "-o", setting }),
            .. options, access.Address, command,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new Win32Exception($"{Program} did not start");
    }

    /// <summary>Removes the key or password once the connection stands, so that a worker that is killed leaves none behind.</summary>
    public static void ForgetSecrets(string directory)
    {
        File.Delete(KeyIn(directory));
        File.Delete(PasswordIn(directory));
    }

    /// <summary>What kept the client from being started, for an operator; null when it was something else.</summary>
    public static TaskFailureException? Explained(Exception failure, FailureCode code) => failure switch
    {
        Win32Exception => new TaskFailureException(
            code, $"The worker cannot start '{Program}': {failure.Message.TrimEnd('.')}. Install the OpenSSH client there (openssh-client, openssh-clients).", failure),
        IOException or UnauthorizedAccessException => new TaskFailureException(code, $"The worker cannot write to {Path.GetTempPath()}: {failure.Message}", failure),
        _ => null,
    };

    /// <summary>One word for a POSIX shell, whatever is in it.</summary>
    public static string Quoted(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static async Task<string[]> ByKeyAsync(string key, string directory, CancellationToken cancellationToken)
    {
        await WriteAsync(KeyIn(directory), key, OwnersFile, cancellationToken);
        return ["BatchMode=yes", "PreferredAuthentications=publickey", $"IdentityFile={KeyIn(directory)}"];
    }

    /// <remarks>The client takes a password from nowhere but a terminal or a program that it calls; before 8.4 it calls one only with a display and without a terminal.</remarks>
    private static async Task<string[]> ByPasswordAsync(ProcessStartInfo start, string password, string directory, CancellationToken cancellationToken)
    {
        await WriteAsync(PasswordIn(directory), password, OwnersFile, cancellationToken);
        var ask = Path.Combine(directory, "ask");
        await WriteAsync(ask, AskScript, OwnersFile | UnixFileMode.UserExecute, cancellationToken);
        start.Environment["SSH_ASKPASS"] = ask;
        start.Environment["SSH_ASKPASS_REQUIRE"] = "force";
        start.Environment["DISPLAY"] = ":";
        return ["BatchMode=no", "NumberOfPasswordPrompts=1", "PubkeyAuthentication=no", "PreferredAuthentications=keyboard-interactive,password"];
    }

    private static string KeyIn(string directory) => Path.Combine(directory, "key");

    private static string PasswordIn(string directory) => Path.Combine(directory, "password");

    private static string KnownHostsIn(string directory) => Path.Combine(directory, "known_hosts");

    private static async Task WriteAsync(string file, string text, UnixFileMode mode, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode };
        await using var writer = new StreamWriter(file, options);
        await writer.WriteAsync($"{text.ReplaceLineEndings("\n").TrimEnd('\n')}\n".AsMemory(), cancellationToken);
    }
}
