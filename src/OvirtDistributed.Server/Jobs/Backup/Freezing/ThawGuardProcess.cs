// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>A guard that watches. What holds it is the pipe: it closes with us, however we end.</summary>
internal sealed class ThawGuardProcess(Process process, TimeProvider time) : IThawGuard
{
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(5);

    private bool _ended;

    /// <summary>For tests.</summary>
    internal int Id { get; } = process.Id;

    public async Task AskedAsync()
    {
        using var limit = new CancellationTokenSource(EndLimit, time);
        await process.StandardInput.WriteLineAsync(ThawGuardOrder.Asked.AsMemory(), limit.Token);
        await process.StandardInput.FlushAsync(limit.Token);
    }

    public Task FrozenAsync() => SayAsync(ThawGuardOrder.Frozen);

    public async Task EndAsync()
    {
        _ended = true;
        await SayAsync(ThawGuardOrder.Thawed);
        using var limit = new CancellationTokenSource(EndLimit, time);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(); // It has nothing left to do.
        }
    }

    public ValueTask DisposeAsync()
    {
        try
        {
            // Not killed unless it was ended: it thaws when the pipe is closed.
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It is gone already.
        }

        if (_ended)
        {
            process.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    private async Task SayAsync(string word)
    {
        using var limit = new CancellationTokenSource(EndLimit, time);
        try
        {
            await process.StandardInput.WriteLineAsync(word.AsMemory(), limit.Token);
            await process.StandardInput.FlushAsync(limit.Token);
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            // A guard that is gone has thawed, or was killed: the ledger is there for that.
        }
    }
}
