// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>
/// An image that a host serves over a socket of this machine, by the OpenSSH client and <see cref="HostScript"/>. Disposing it returns once the host has
/// cleaned up, or after a minute.
/// </summary>
internal sealed class HostExport : IAsyncDisposable
{
    /// <summary>Program of the OpenSSH client.</summary>
    public const string Client = "ssh";

    private const string FolderPrefix = "ovd-ssh-";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan EndPatience = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly FailureCode _side;
    private readonly HostErrors _errors;
    private readonly Task _errorsRead;
    private readonly CancellationTokenSource _stop = new();
    private Task _signs = Task.CompletedTask;

    private HostExport(Process process, string directory, HostErrors errors, FailureCode side, TimeProvider time)
    {
        _process = process;
        _directory = directory;
        _time = time;
        _side = side;
        _errors = errors;
        _errorsRead = errors.ReadAsync(process.StandardError);
    }

    /// <summary>Speaks NBD.</summary>
    public string SocketPath => SocketIn(_directory);

    /// <summary>Has the host serve an image, and waits until it does.</summary>
    /// <param name="access">The host.</param>
    /// <param name="image">What to serve.</param>
    /// <param name="writable">To be written.</param>
    /// <param name="clients">Connections the server admits.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">The host cannot be reached, is not the one that is trusted, or cannot serve it.</exception>
    public static async Task<HostExport> StartAsync(
        HostAccess access, HostImage image, bool writable, int clients, TimeProvider time, CancellationToken cancellationToken)
    {
        var side = writable ? FailureCode.TargetFailed : FailureCode.SourceFailed;
        // A worker that was killed before its connection stood has left the key in its folder: the next one removes it.
        var directory = ProcessFolder.Create(FolderPrefix);
        HostExport export;
        try
        {
            await WriteSecretAsync(KeyFileIn(directory), access.PrivateKey, cancellationToken);
            await WriteSecretAsync(KnownHostsIn(directory), access.KnownHosts, cancellationToken);
            var process = StartClient(access, directory, RemoteCommand(access, image, writable, clients, out var remote), remote);
            export = new HostExport(process, directory, new HostErrors(access), side, time);
        }
        catch (Exception failure)
        {
            Directory.Delete(directory, recursive: true);
            if (Explained(failure, side) is { } explained)
            {
                throw explained;
            }

            throw;
        }

        try
        {
            await export.AwaitReadyAsync(access, cancellationToken);
            return export;
        }
        catch
        {
            await export.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a broken connection means, as ssh and the host say it.</summary>
    public TaskFailureException Failure(string what, Exception inner) => new(_side, _errors.Explain($"{what}: {inner.Message.TrimEnd('.')}"), inner);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _signs.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        CloseInput();
        using var limit = new CancellationTokenSource(EndPatience, _time);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // The host's script ends by itself, because it hears nothing any more.
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        await _errorsRead;
        _process.Dispose();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static TaskFailureException? Explained(Exception failure, FailureCode side) => failure switch
    {
        Win32Exception => new TaskFailureException(
            side, $"The worker cannot start '{Client}': {failure.Message}. Install the OpenSSH client there (openssh-client, openssh-clients).", failure),
        IOException or UnauthorizedAccessException => new TaskFailureException(side, $"The worker cannot write to {Path.GetTempPath()}: {failure.Message}", failure),
        _ => null,
    };

    private static string SocketIn(string directory) => Path.Combine(directory, "nbd");

    private static string KeyFileIn(string directory) => Path.Combine(directory, "key");

    private static string KnownHostsIn(string directory) => Path.Combine(directory, "known_hosts");

    private static async Task WriteSecretAsync(string file, string text, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        await using var writer = new StreamWriter(file, options);
        await writer.WriteAsync(text.ReplaceLineEndings("\n").TrimEnd('\n').AsMemory(), cancellationToken);
        await writer.WriteAsync("\n".AsMemory(), cancellationToken);
    }

    private static string RemoteCommand(HostAccess access, HostImage image, bool writable, int clients, out string remoteSocket)
    {
        var folder = $"/tmp/ovd-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12))}";
        remoteSocket = $"{folder}/nbd";
        return HostScript.CommandLine(
            access.Sudo,
            [
                folder, clients.ToString(CultureInfo.InvariantCulture), writable ? "write" : "read", image.VolumeGroupFolder, image.TopPath, image.Description, .. image.LogicalVolumes,
            ]);
    }

    private static Process StartClient(HostAccess access, string directory, string command, string remoteSocket)
    {
        var start = new ProcessStartInfo(Client)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string[] settings =
        [
            "BatchMode=yes", "StrictHostKeyChecking=yes", $"UserKnownHostsFile={KnownHostsIn(directory)}", "GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no",
            $"HostKeyAlias={access.KeyName}", "CheckHostIP=no", "IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey", "ControlMaster=no", "ControlPath=none",
            "ForwardAgent=no", "ForwardX11=no", "ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "ConnectTimeout=20", "ServerAliveInterval=15", "ServerAliveCountMax=4",
            "EscapeChar=none",
        ];
        var port = access.Port.ToString(CultureInfo.InvariantCulture);
        string[] arguments =
        [
            "-T", "-F", "/dev/null", "-i", KeyFileIn(directory), "-p", port, "-l", access.User, .. settings.SelectMany(setting => new[] { "-o", setting }),
            "-L", $"{SocketIn(directory)}:{remoteSocket}", access.Address, command,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new Win32Exception($"{Client} did not start");
    }

    private async Task AwaitReadyAsync(HostAccess access, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(StartPatience, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        string? line;
        try
        {
            // A host's start-up files may print something of their own first.
            do
            {
                line = await _process.StandardOutput.ReadLineAsync(either.Token);
            }
            while (line is not null && line != HostScript.Ready);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TaskFailureException(_side, _errors.Explain($"Host {access.Host} ({access.Address}) did not serve the disk within {StartPatience.TotalSeconds} seconds"));
        }

        if (line is null)
        {
            await _errorsRead.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TaskFailureException(_side, _errors.Explain($"Host {access.Host} ({access.Address}) cannot serve the disk"));
        }

        // The connection stands: from here on a worker that is killed leaves no key behind.
        File.Delete(KeyFileIn(_directory));
        _signs = GiveSignsAsync(_stop.Token);
    }

    /// <summary>Tells the host that this worker is still there.</summary>
    private async Task GiveSignsAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await _process.StandardInput.WriteAsync(".".AsMemory(), cancellationToken);
                await _process.StandardInput.FlushAsync(cancellationToken);
                await Task.Delay(HostScript.SignInterval, _time, cancellationToken);
            }
        }
        catch (IOException)
        {
            // The connection is gone; reads and writes meet it too, and there it counts.
        }
    }

    private void CloseInput()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // ssh has ended already.
        }
    }
}
