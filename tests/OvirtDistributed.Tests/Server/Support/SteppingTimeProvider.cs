// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>
/// A clock the test moves. Short timers run on real time, because the pauses of the code under test are a millisecond here; long ones, which nobody would wait
/// for, fire when the test moves the clock past them.
/// </summary>
internal sealed class SteppingTimeProvider : TimeProvider
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly List<LongTimer> _timers = [];
    private DateTimeOffset _now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);
    private TimeSpan _advanced;

    /// <summary>Something waits for a time that only <see cref="Advance"/> brings.</summary>
    public bool IsAwaited
    {
        get
        {
            lock (_lock)
            {
                return _timers.Count > 0;
            }
        }
    }

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return base.GetTimestamp() + (long)(_advanced.TotalSeconds * TimestampFrequency);
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime < Long || period != Timeout.InfiniteTimeSpan)
        {
            return base.CreateTimer(callback, state, dueTime, period);
        }

        lock (_lock)
        {
            var timer = new LongTimer(this, callback, state) { Due = _now + dueTime };
            _timers.Add(timer);
            return timer;
        }
    }

    public void Advance(TimeSpan by)
    {
        List<LongTimer> due;
        lock (_lock)
        {
            _now += by;
            _advanced += by;
            due = _timers.FindAll(timer => timer.Due <= _now);
            _timers.RemoveAll(due.Contains);
        }

        due.ForEach(timer => timer.Fire());
    }

    private sealed class LongTimer(SteppingTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        public required DateTimeOffset Due { get; set; }

        public void Fire() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock._now + dueTime;
                    clock._timers.Add(this);
                }

                return true;
            }
        }

        public void Dispose()
        {
            lock (clock._lock)
            {
                clock._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
