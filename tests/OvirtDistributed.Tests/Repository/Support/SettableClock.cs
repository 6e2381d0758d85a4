// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>A machine whose clock can be set, apart from the time that really passes.</summary>
internal sealed class SettableClock : TimeProvider
{
    private DateTimeOffset _wall = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    private TimeSpan _elapsed;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _wall;

    public override long GetTimestamp() => _elapsed.Ticks;

    /// <summary>Time passes: both clocks go on.</summary>
    public void Pass(TimeSpan time)
    {
        _elapsed += time;
        _wall += time;
    }

    /// <summary>Somebody sets the machine's clock; no time passes.</summary>
    public void Set(TimeSpan by) => _wall += by;

    /// <summary>Pauses are real: they only order work and decide nothing here.</summary>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, dueTime, period);
}
