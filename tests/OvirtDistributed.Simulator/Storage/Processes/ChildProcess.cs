// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>
/// A process that this one started and answers for: its error output is kept for messages, it is ended by id and awaited.
/// Disposing kills it when it still runs, so that no path leaves it behind.
/// </summary>
internal sealed partial class ChildProcess : IAsyncDisposable
{
    private const int KeptErrorChars = 4096;
    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly Lock _errorLock = new();
    private readonly StringBuilder _error = new();
    private readonly string _name;

    private ChildProcess(Process process, string name)
    {
        _process = process;
        _name = name;
        Id = process.Id;
        Exited = WaitAsync();
    }

    public int Id { get; }

    /// <summary>Completes with the exit code, after the error output has been read to its end. Never fails.</summary>
    public Task<int> Exited { get; }

    /// <summary>The last of what the process said on its error output.</summary>
    public string ErrorText
    {
        get
        {
            lock (_errorLock)
            {
                return _error.ToString().Trim();
            }
        }
    }

    /// <summary>Starts a program. With <paramref name="readOutput"/> the caller must read <see cref="Output"/> to its end.</summary>
    /// <exception cref="StorageException">The program is not installed or cannot be started.</exception>
    public static ChildProcess Start(string program, IEnumerable<string> arguments, bool readOutput)
    {
        var start = new ProcessStartInfo(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = readOutput,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            var process = Process.Start(start) ?? throw new InvalidOperationException("no process was started");
            process.StandardInput.Close();
            return new ChildProcess(process, program);
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"Cannot start {program}: {e.Message}. Install the Debian packages qemu-utils, qemu-system-common and mount.");
        }
    }

    /// <summary>Standard output of a process started for reading it.</summary>
    public StreamReader Output => _process.StandardOutput;

    /// <summary>Asks the process to end (SIGTERM) and kills it when it has not done so in time. Returns once it is gone.</summary>
    /// <returns>True when it ended by itself in time.</returns>
    public async Task<bool> StopAsync(TimeSpan grace, TimeProvider timeProvider)
    {
        if (!Exited.IsCompleted)
        {
            _ = SendSignal(Id, SigTerm);
        }

        try
        {
            _ = await Exited.WaitAsync(grace, timeProvider);
            return true;
        }
        catch (TimeoutException)
        {
            await KillAsync();
            return false;
        }
    }

    /// <summary>Ends the process as a crash of its host would (SIGKILL); returns once it is gone.</summary>
    public async Task KillAsync()
    {
        if (!Exited.IsCompleted)
        {
            try
            {
                _process.Kill();
            }
            catch (InvalidOperationException)
            {
                // It has ended between the check and the call.
            }
        }

        _ = await Exited;
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    public override string ToString() => $"{Path.GetFileName(_name)} (pid {Id})";

    private async Task<int> WaitAsync()
    {
        var buffer = new char[1024];
        int count;
        while ((count = await _process.StandardError.ReadAsync(buffer)) > 0)
        {
            lock (_errorLock)
            {
                _ = _error.Append(buffer, 0, count);
                if (_error.Length > KeptErrorChars)
                {
                    _ = _error.Remove(0, _error.Length - KeptErrorChars);
                }
            }
        }

        await _process.WaitForExitAsync();
        return _process.ExitCode;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int processId, int signal);
}
