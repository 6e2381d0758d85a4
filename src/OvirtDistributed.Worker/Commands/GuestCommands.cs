// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Text;
using Google.Protobuf;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Ssh;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Commands;

/// <summary>Runs programs of a VM's guest over SSH. The exit code is the program's own; a connection that fails is a failure of the task and never an exit code.</summary>
internal sealed class GuestCommands(TimeProvider time)
{
    private const string FolderPrefix = "ovd-guest-";
    private const int TimeoutExitCode = 124;
    private const int KilledExitCode = 137;

    // What comes before the program begins: the connection, the login, and a guest that has much to do.
    private static readonly TimeSpan LoginPatience = TimeSpan.FromMinutes(1);

    /// <summary>Runs the command to its end, or to its time limit.</summary>
    /// <exception cref="TaskFailureException">The guest cannot be reached, is not the one that is trusted, does not let the user in, or the connection broke.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled: the connection was ended, and with it the command.</exception>
    public async Task<CommandReport> RunAsync(TaskOrder order, CancellationToken cancellationToken)
    {
        var guest = order.Command.Guest;
        var limit = order.Command.TimeLimit?.ToTimeSpan() ?? TimeSpan.Zero;
        if (limit < TimeSpan.FromSeconds(1) || guest.Program.Length == 0)
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"The order's command cannot be used: time_limit is {limit}, guest.program is '{guest.Program}'.");
        }

        var access = AccessOf(guest);
        var directory = ProcessFolder.Create(FolderPrefix);
        try
        {
            using var process = await SshClient.StartAsync(access, directory, [], GuestScript.CommandLine(order, limit), cancellationToken);
            return await AwaitAsync(process, access, limit, cancellationToken);
        }
        catch (Exception failure)
        {
            if (SshClient.Explained(failure, FailureCode.SourceFailed) is { } explained)
            {
                throw explained;
            }

            throw;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static SshAccess AccessOf(GuestProgram guest) => new SshAccess
    {
        Name = guest.Address,
        Address = guest.Address,
        Port = guest.Port,
        User = guest.User,
        PrivateKey = guest.PrivateKey,
        KnownHosts = guest.KnownHosts,
    }.Checked("command.guest");

    private async Task<CommandReport> AwaitAsync(Process process, SshAccess access, TimeSpan limit, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        var (output, errors) = (new OutputTail(), new OutputTail());
        using var stopReading = new CancellationTokenSource();
        var reading = Task.WhenAll(
            output.ReadAsync(process.StandardOutput.BaseStream, stopReading.Token), output.ReadAsync(process.StandardError.BaseStream, stopReading.Token, errors));
        var late = false;
        try
        {
            await process.WaitForExitAsync(cancellationToken).WaitAsync(limit + LoginPatience, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            late = true;
        }
        finally
        {
            // With the connection the guest's program ends as well.
            process.Kill();
            await process.WaitForExitAsync(CancellationToken.None);
            await OutputTail.DrainAsync(reading, stopReading, time);
        }

        var code = late ? TimeoutExitCode : process.ExitCode;
        if (code == SshClient.ConnectionFailed)
        {
            throw await ExplainAsync(access, errors);
        }

        var timedOut = late || (time.GetElapsedTime(since) >= limit && code is TimeoutExitCode or KilledExitCode);
        return new CommandReport { ExitCode = code, TimedOut = timedOut, Output = ByteString.CopyFrom(output.ToArray()), OutputCut = output.IsCut };
    }

    private static async Task<TaskFailureException> ExplainAsync(SshAccess access, OutputTail said)
    {
        var errors = new SshErrors(access, SshAdvice.Guest);
        using var reader = new StreamReader(new MemoryStream(said.ToArray()), Encoding.UTF8);
        await errors.ReadAsync(reader);
        return new TaskFailureException(
            FailureCode.SourceFailed,
            errors.Explain($"The SSH connection to guest {access.Address} failed or broke, so it is not known how the command ended there (exit code 255 of ssh, not of the command)"));
    }
}
