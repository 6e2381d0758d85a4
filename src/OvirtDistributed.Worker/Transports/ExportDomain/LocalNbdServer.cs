// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>A qemu-nbd of this machine behind a unix socket that only this user can use. It ends with this worker, also when that is killed.</summary>
internal sealed class LocalNbdServer : IAsyncDisposable
{
    private const string FolderPrefix = "ovd-export-";
    private const int MaxErrorChars = 4000;

    /// <summary>
    /// POSIX sh: runs its arguments, and ends them when standard input does, which is when the worker is gone. qemu-nbd cannot be told to watch anything itself.
    /// </summary>
    private const string Script = """
        exec 3<&0
        "$@" </dev/null 3<&- &
        server=$!
        { cat <&3 >/dev/null; kill "$server"; } 2>/dev/null &
        watch=$!
        exec 3<&-
        wait "$server"
        code=$?
        kill "$watch" 2>/dev/null
        exit "$code"
        """;

    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndPatience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);

    private readonly Process _process;
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly FailureCode _side;
    private readonly StringBuilder _errors = new();
    private readonly Task _errorsRead;

    private LocalNbdServer(Process process, string directory, FailureCode side, TimeProvider time)
    {
        _process = process;
        _directory = directory;
        _side = side;
        _time = time;
        _errorsRead = ReadErrorsAsync();
    }

    public string SocketPath => SocketIn(_directory);

    /// <param name="program">qemu-nbd.</param>
    /// <param name="image">As it takes it.</param>
    /// <param name="writable">To be written.</param>
    /// <param name="clients">Connections it admits.</param>
    /// <param name="side">Whose fault a failure is.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">It does not start, or cannot serve the image.</exception>
    public static async Task<LocalNbdServer> StartAsync(
        string program, string image, bool writable, int clients, FailureCode side, TimeProvider time, CancellationToken cancellationToken)
    {
        var directory = ProcessFolder.Create(FolderPrefix);
        LocalNbdServer server;
        try
        {
            server = new LocalNbdServer(Start(program, image, writable, clients, SocketIn(directory)), directory, side, time);
        }
        catch (Win32Exception failure)
        {
            Directory.Delete(directory, recursive: true);
            throw new TaskFailureException(side, $"The worker cannot start a shell: {failure.Message}", failure);
        }

        try
        {
            await server.AwaitSocketAsync(program, cancellationToken);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>What a broken connection means, with what qemu-nbd said.</summary>
    public TaskFailureException Failure(string what, Exception inner) => new(_side, $"{what}: {inner.Message.TrimEnd('.')}.{Said()}", inner);

    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It has ended already.
        }

        using var limit = new CancellationTokenSource(EndPatience, _time);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        await _errorsRead;
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static string SocketIn(string directory) => Path.Combine(directory, "nbd");

    private static Process Start(string program, string image, bool writable, int clients, string socket)
    {
        var start = new ProcessStartInfo("sh")
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        string[] arguments =
        [
            "-c", Script, "ovd-export", program, $"--socket={socket}", "--persistent", $"--shared={clients.ToString(CultureInfo.InvariantCulture)}", "--discard=unmap", "--cache=none", "--aio=threads",
            .. writable ? Array.Empty<string>() : ["--read-only"], image,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start) ?? throw new Win32Exception("sh did not start");
    }

    private async Task AwaitSocketAsync(string program, CancellationToken cancellationToken)
    {
        var started = _time.GetUtcNow();
        while (!File.Exists(SocketPath))
        {
            if (_process.HasExited)
            {
                await _errorsRead.WaitAsync(cancellationToken);
                throw new TaskFailureException(_side, $"{program} on the worker cannot serve the volume.{Said()} It comes with qemu (qemu-utils, qemu-img).");
            }

            if (_time.GetUtcNow() - started > StartPatience)
            {
                throw new TaskFailureException(_side, $"{program} on the worker did not serve the volume within {StartPatience.TotalSeconds} seconds.{Said()}");
            }

            await Task.Delay(LookAgain, _time, cancellationToken);
        }
    }

    private async Task ReadErrorsAsync()
    {
        while (await _process.StandardError.ReadLineAsync(CancellationToken.None) is { } line)
        {
            lock (_errors)
            {
                if (_errors.Length < MaxErrorChars)
                {
                    _errors.AppendLine(line);
                }
            }
        }
    }

    private string Said()
    {
        lock (_errors)
        {
            return _errors.Length == 0 ? "" : $" It says: {_errors.ToString().Trim().ReplaceLineEndings("; ")}.";
        }
    }
}
