// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Tests.Shared;

/// <summary>Time that moves only when the test says so. One driver at a time calls <see cref="Advance"/>.</summary>
public sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = new(2026, 1, 15, 3, 4, 5, TimeSpan.Zero);
    private long _elapsedTicks;
    private TaskCompletionSource _timerAdded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>An odd frequency, so that code which mixes timestamps with ticks shows.</summary>
    public override long TimestampFrequency => 3_000_000;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public override long GetTimestamp()
    {
        lock (_lock)
        {
            return (long)(_elapsedTicks * (TimestampFrequency / (double)TimeSpan.TicksPerSecond));
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves time on and fires what became due, in order.</summary>
    public void Advance(TimeSpan by)
    {
        DateTimeOffset end;
        lock (_lock)
        {
            end = _now + by;
        }

        while (true)
        {
            ManualTimer? next;
            lock (_lock)
            {
                next = _timers.Where(timer => timer.Due <= end).MinBy(timer => timer.Due);
                var target = next?.Due ?? end;
                if (target > _now)
                {
                    _elapsedTicks += (target - _now).Ticks;
                    _now = target;
                }

                if (next is null)
                {
                    return;
                }

                next.Rearm();
            }

            next.Fire();
        }
    }

    /// <summary>Completes when at least <paramref name="count"/> timers wait: the moment at which code under test sleeps.</summary>
    public Task WaitForTimersAsync(int count, CancellationToken cancellationToken) =>
        WaitUntilAsync(() => _timers.Count >= count, cancellationToken);

    /// <summary>Completes when a timer waits that is due within <paramref name="span"/>: other timers, longer ones, do not mislead it.</summary>
    public Task WaitForTimerDueWithinAsync(TimeSpan span, CancellationToken cancellationToken) =>
        WaitUntilAsync(() => _timers.Any(timer => timer.Due <= _now + span), cancellationToken);

    private async Task WaitUntilAsync(Func<bool> holds, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task added;
            lock (_lock)
            {
                if (holds())
                {
                    return;
                }

                added = _timerAdded.Task;
            }

            await added.WaitAsync(cancellationToken);
        }
    }

    private sealed class ManualTimer(ManualTimeProvider time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public DateTimeOffset Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
                _period = period;
                if (dueTime == Timeout.InfiniteTimeSpan)
                {
                    return true;
                }

                Due = time._now + dueTime;
                time._timers.Add(this);
                var waiting = time._timerAdded;
                time._timerAdded = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                waiting.SetResult();
            }

            return true;
        }

        /// <summary>Called under the lock: sets the next due time, or forgets a timer that fires once.</summary>
        public void Rearm()
        {
            if (_period == Timeout.InfiniteTimeSpan || _period <= TimeSpan.Zero)
            {
                time._timers.Remove(this);
            }
            else
            {
                Due += _period;
            }
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (time._lock)
            {
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
