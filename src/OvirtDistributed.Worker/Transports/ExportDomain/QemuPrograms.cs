// SPDX-License-Identifier: Apache-2.0

using System.ComponentModel;
using System.Diagnostics;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ExportDomain;

/// <summary>Programs of qemu on this machine.</summary>
/// <param name="Server">qemu-nbd.</param>
/// <param name="ImageTool">qemu-img.</param>
internal sealed record QemuPrograms(string Server, string ImageTool)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <exception cref="TaskFailureException">It does not start, fails, or takes too long.</exception>
    public async Task RunImageToolAsync(IReadOnlyList<string> arguments, TimeProvider time, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var process = StartImageTool(arguments);
        try
        {
            var said = await process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            if (process.ExitCode != 0)
            {
                throw new TaskFailureException(FailureCode.TargetFailed, $"{ImageTool} failed on the worker: {said.Trim().ReplaceLineEndings("; ")}");
            }
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            throw new TaskFailureException(FailureCode.TargetFailed, $"{ImageTool} did not end on the worker within {Patience.TotalMinutes} minutes.");
        }
    }

    private Process StartImageTool(IReadOnlyList<string> arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo(ImageTool, arguments) { RedirectStandardError = true, UseShellExecute = false }) ?? throw new Win32Exception("it did not start");
        }
        catch (Win32Exception failure)
        {
            throw new TaskFailureException(FailureCode.TargetFailed, $"The worker cannot start '{ImageTool}': {failure.Message.TrimEnd('.')}. It comes with qemu (qemu-utils, qemu-img).", failure);
        }
    }
}
