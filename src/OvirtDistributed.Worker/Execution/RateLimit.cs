// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Execution;

/// <summary>
/// Limits bytes per second, changeable while readers wait. A reader takes its bytes from the future and waits until that moment has come:
/// requests of any size pass, and on average the rate holds.
/// </summary>
internal sealed class RateLimit(TimeProvider time)
{
    private readonly Lock _lock = new();
    private TaskCompletionSource _changed = NewSignal();
    private long _bytesPerSecond;
    private long _last = time.GetTimestamp();

    // Bytes granted that the elapsed time has not paid for yet.
    private double _debt;

    /// <summary>0 = no limit.</summary>
    public long BytesPerSecond
    {
        get
        {
            lock (_lock)
            {
                return _bytesPerSecond;
            }
        }

        set
        {
            TaskCompletionSource? waiting = null;
            lock (_lock)
            {
                if (_bytesPerSecond != value)
                {
                    Settle();
                    _bytesPerSecond = Math.Max(0, value);
                    _debt = _bytesPerSecond == 0 ? 0 : _debt;
                    waiting = _changed;
                    _changed = NewSignal();
                }
            }

            waiting?.SetResult();
        }
    }

    /// <summary>Waits until the bytes granted before are paid for, then grants <paramref name="bytes"/>.</summary>
    public async ValueTask AcquireAsync(int bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan wait;
            Task changed;
            lock (_lock)
            {
                Settle();
                if (_bytesPerSecond == 0 || _debt <= 0)
                {
                    _debt += _bytesPerSecond == 0 ? 0 : bytes;
                    return;
                }

                wait = TimeSpan.FromSeconds(_debt / _bytesPerSecond);
                changed = _changed.Task;
            }

            await PauseAsync(wait, changed, cancellationToken);
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task PauseAsync(TimeSpan wait, Task changed, CancellationToken cancellationToken)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pause = Task.Delay(wait < TimeSpan.FromMilliseconds(1) ? TimeSpan.FromMilliseconds(1) : wait, time, enough.Token);
        await Task.WhenAny(pause, changed);
        await enough.CancelAsync();
        cancellationToken.ThrowIfCancellationRequested();
    }

    private void Settle()
    {
        var now = time.GetTimestamp();
        _debt = Math.Max(0, _debt - (_bytesPerSecond * time.GetElapsedTime(_last, now).TotalSeconds));
        _last = now;
    }
}
