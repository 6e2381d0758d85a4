// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>Programs that run to their end, with a deadline.</summary>
internal static class Tool
{
    /// <summary>What a run came to: its exit code, output and error output.</summary>
    public sealed record Result(int Code, string Output, string Error);

    /// <exception cref="StorageException">The program cannot be started or has not ended in time.</exception>
    public static async Task<Result> RunAsync(
        string program, IReadOnlyList<string> arguments, TimeSpan deadline, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        await using var process = ChildProcess.Start(program, arguments, readOutput: true);
        using var limit = new CancellationTokenSource(deadline, timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var output = await process.Output.ReadToEndAsync(either.Token);
            var code = await process.Exited.WaitAsync(either.Token);
            return new Result(code, output, process.ErrorText);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"{Path.GetFileName(program)} {arguments[0]} did not end within {deadline}.");
        }
    }
}
