// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>A time limit that starts anew with every progress, joined to the caller's token. One per connection, reused from call to call.</summary>
/// <remarks>Tells a stall from the caller's wish: <see cref="Expired"/> is true only for the former.</remarks>
internal sealed class IdleGuard(TimeProvider timeProvider) : IDisposable
{
    private CancellationTokenSource _source = new(Timeout.InfiniteTimeSpan, timeProvider);
    private CancellationTokenRegistration _caller;
    private long _armed;

    /// <summary>Whether the last call ran out of time without the caller having given up.</summary>
    public bool Expired { get; private set; }

    /// <summary>The limit in force.</summary>
    public TimeSpan Limit { get; private set; }

    public CancellationToken Begin(TimeSpan limit, CancellationToken caller)
    {
        if (!_source.TryReset())
        {
            _source.Dispose();
            _source = new CancellationTokenSource(Timeout.InfiniteTimeSpan, timeProvider);
        }

        Expired = false;
        _caller = caller.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), _source);
        Arm(limit);
        return _source.Token;
    }

    /// <summary>Sets a new limit, from now.</summary>
    public void Arm(TimeSpan limit)
    {
        Limit = limit;
        _armed = timeProvider.GetTimestamp();
        _source.CancelAfter(limit);
    }

    /// <summary>Something moved. Cheap enough for every piece read: the timer is touched only when an eighth of the limit has passed.</summary>
    public void Progress()
    {
        if (timeProvider.GetElapsedTime(_armed) > Limit / 8)
        {
            Arm(Limit);
        }
    }

    public void End(CancellationToken caller)
    {
        _caller.Dispose();
        _caller = default;
        _source.CancelAfter(Timeout.InfiniteTimeSpan);
        Expired = _source.IsCancellationRequested && !caller.IsCancellationRequested;
    }

    /// <summary>Breaks off the call that is running, if any.</summary>
    public void Abort() => _source.Cancel();

    public void Dispose()
    {
        _caller.Dispose();
        _source.Dispose();
    }
}
