// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Outbox;

/// <summary>Wakes the pump of this process as soon as an offer was committed.</summary>
internal sealed class OutboxSignal : IDisposable
{
    private readonly SemaphoreSlim _raised = new(0, 1);

    public void Raise()
    {
        try
        {
            _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // Raised already.
        }
    }

    public async Task WaitAsync(TimeSpan longest, TimeProvider time, CancellationToken cancellationToken)
    {
        // Not a timer of ours: one that fires while the wait ends would cancel a disposed source, and take the process with it.
        using var pause = new CancellationTokenSource(longest, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, pause.Token);
        try
        {
            await _raised.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The pause is over.
        }
    }

    public void Dispose() => _raised.Dispose();
}
