// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>
/// The right to work on one attempt, as this worker may believe in it. Counted on the own monotonic clock from the moment the request
/// was sent, less a margin: it ends here before it can have ended at the server. Once ended it stays ended.
/// </summary>
internal sealed class Lease : IDisposable
{
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _ended = new();
    private readonly Lock _lock = new();
    private readonly ITimer _timer;
    private long _start;
    private TimeSpan _usable;
    private bool _disposed;

    public Lease(TimeProvider time, long sentTimestamp, TimeSpan duration)
    {
        _time = time;
        _start = sentTimestamp;
        _usable = Usable(duration);
        _timer = time.CreateTimer(_ => Check(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Check();
    }

    /// <summary>Cancelled when the lease may no longer be relied on.</summary>
    public CancellationToken Ended => _ended.Token;

    /// <summary>How long it is each time.</summary>
    public TimeSpan Length
    {
        get
        {
            lock (_lock)
            {
                return _usable;
            }
        }
    }

    /// <summary>Counts the lease anew from a request sent at <paramref name="sentTimestamp"/>. Answers that overtook each other never shorten it.</summary>
    public void Extend(long sentTimestamp, TimeSpan duration)
    {
        lock (_lock)
        {
            var usable = Usable(duration);
            if (_time.GetElapsedTime(_start, sentTimestamp) + usable <= _usable)
            {
                return;
            }

            _start = sentTimestamp;
            _usable = usable;
        }

        Check();
    }

    // The token source is left to the collector: a timer that is just firing may still cancel it.
    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
        }

        _timer.Dispose();
    }

    // Time to close connections and to let requests in flight come to an end before another worker may start.
    private static TimeSpan Usable(TimeSpan duration)
    {
        var quarter = duration / 4;
        var margin = TimeSpan.FromSeconds(30);
        return duration - (quarter < margin ? quarter : margin);
    }

    private void Check()
    {
        lock (_lock)
        {
            if (_disposed || _ended.IsCancellationRequested)
            {
                return;
            }

            var left = _usable - _time.GetElapsedTime(_start);
            if (left > TimeSpan.Zero)
            {
                // Rounded up: a timer has milliseconds, and one that fires early would only come back here.
                _timer.Change(TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)), Timeout.InfiniteTimeSpan);
                return;
            }
        }

        // Outside the lock: what hangs on the token runs here.
        _ended.Cancel();
    }
}
