// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>
/// An image that a host serves over a socket of this machine, by the OpenSSH client and <see cref="HostScript"/>. Disposing it returns once the host has
/// cleaned up, or after a minute.
/// </summary>
internal sealed class HostExport : IAsyncDisposable
{
    private const string FolderPrefix = "ovd-ssh-";

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(90);
    private static readonly TimeSpan EndPatience = TimeSpan.FromMinutes(1);

    private readonly Process _process;
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly FailureCode _side;
    private readonly SshErrors _errors;
    private readonly Task _errorsRead;
    private readonly CancellationTokenSource _stop = new();
    private Task _signs = Task.CompletedTask;

    private HostExport(Process process, string directory, SshErrors errors, FailureCode side, TimeProvider time)
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
            var command = RemoteCommand(access, image, writable, clients, out var remoteSocket);
            string[] options = ["-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindMask=0177", "-L", $"{SocketIn(directory)}:{remoteSocket}"];
            var process = await SshClient.StartAsync(access.Ssh, directory, options, command, cancellationToken);
            export = new HostExport(process, directory, new SshErrors(access.Ssh, SshAdvice.Host), side, time);
        }
        catch (Exception failure)
        {
            Directory.Delete(directory, recursive: true);
            if (SshClient.Explained(failure, side) is { } explained)
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

    private static string SocketIn(string directory) => Path.Combine(directory, "nbd");

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
            throw new TaskFailureException(_side, _errors.Explain($"{access.Name} did not serve the disk within {StartPatience.TotalSeconds} seconds"));
        }

        if (line is null)
        {
            await _errorsRead.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TaskFailureException(_side, _errors.Explain($"{access.Name} cannot serve the disk"));
        }

        SshClient.ForgetSecrets(_directory);
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
