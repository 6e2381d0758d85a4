// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Commands;

/// <summary>
/// Runs programs of one directory, by name and without a shell, each under coreutils' <c>timeout</c>: it makes a process group of its own and ends
/// all of it when the time is up, also when this worker is gone by then. They get a clean environment: this process's may hold secrets.
/// </summary>
internal sealed partial class CommandExecution(string? directory, TimeProvider time)
{
    private const int KillSignal = 9;
    private const int TimeoutExitCode = 124;
    private const int KilledExitCode = 137;
    private static readonly TimeSpan PatienceAfterTerm = TimeSpan.FromSeconds(5);

    /// <summary>Runs the command to its end, or to its time limit.</summary>
    /// <exception cref="TaskFailureException">It was not started: none may be run here, or there is no such program.</exception>
    /// <exception cref="OperationCanceledException">It was ended because the token was cancelled.</exception>
    public async Task<CommandReport> RunAsync(TaskOrder order, CancellationToken cancellationToken)
    {
        var command = order.Command;
        var limit = command.TimeLimit?.ToTimeSpan() ?? TimeSpan.Zero;
        if (limit < TimeSpan.FromSeconds(1))
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"The order's command.time_limit is {limit}.");
        }

        var since = time.GetTimestamp();
        using var process = Start(order, FindProgram(command.Name), limit);
        var output = new OutputTail();
        using var stopReading = new CancellationTokenSource();
        var reading = Task.WhenAll(
            output.ReadAsync(process.StandardOutput.BaseStream, stopReading.Token), output.ReadAsync(process.StandardError.BaseStream, stopReading.Token));
        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(limit + PatienceAfterTerm + PatienceAfterTerm, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The helper that should have ended it hangs itself.
        }
        finally
        {
            // What the command left running in its group ends with it, as with a service.
            _ = Kill(-process.Id, KillSignal);
            await OutputTail.DrainAsync(reading, stopReading, time);
        }

        await process.WaitForExitAsync(cancellationToken).WaitAsync(PatienceAfterTerm, time, cancellationToken);
        var timedOut = time.GetElapsedTime(since) >= limit && process.ExitCode is TimeoutExitCode or KilledExitCode;
        return new CommandReport
        {
            ExitCode = process.ExitCode,
            TimedOut = timedOut,
            Output = ByteString.CopyFrom(output.ToArray()),
            OutputCut = output.IsCut,
        };
    }

    private string FindProgram(string name)
    {
        if (string.IsNullOrEmpty(directory))
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"The worker runs no commands: set Worker:CommandDirectory to a directory with the programs it may run, '{name}' among them, and restart it.");
        }

        // A name, and no way out of the directory.
        var program = Path.Combine(directory, name);
        if (name.Length == 0 || name is "." or ".." || Path.GetFileName(name) != name || !File.Exists(program))
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"There is no program '{name}' in the worker's command directory {directory}: put it there, or name another one.");
        }

        const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return (File.GetUnixFileMode(program) & Executable) != UnixFileMode.None
            ? program
            : throw new TaskFailureException(FailureCode.BadOrder, $"Program '{name}' in the worker's command directory {directory} is not executable: chmod +x.");
    }

    private Process Start(TaskOrder order, string program, TimeSpan limit)
    {
        var command = order.Command;
        var start = new ProcessStartInfo("timeout")
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        foreach (var argument in new[]
        {
            $"--kill-after={PatienceAfterTerm.TotalSeconds.ToString(CultureInfo.InvariantCulture)}", limit.TotalSeconds.ToString("F3", CultureInfo.InvariantCulture), program,
        }.Concat(command.Arguments))
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        start.Environment["HOME"] = Environment.GetEnvironmentVariable("HOME") ?? "/";
        start.Environment["LANG"] = "C.UTF-8";
        start.Environment["OVD_JOB"] = order.JobId;
        start.Environment["OVD_VM_ID"] = command.VmId;
        start.Environment["OVD_VM_NAME"] = order.VmName;
        start.Environment["OVD_PHASE"] = command.Phase;
        if (command.Result.Length > 0)
        {
            start.Environment["OVD_RESULT"] = command.Result;
        }

        try
        {
            var process = Process.Start(start) ?? throw new InvalidOperationException($"Program {program} was not started.");
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception failure)
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"Program '{command.Name}' cannot be started through coreutils' timeout: {failure.Message}", failure);
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int pid, int signal);
}
