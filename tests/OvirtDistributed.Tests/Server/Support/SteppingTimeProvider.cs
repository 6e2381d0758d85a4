// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>A clock the test moves; timers run on real time, because the pauses of the code under test are a millisecond here.</summary>
internal sealed class SteppingTimeProvider : TimeProvider
{
    private readonly Lock _lock = new();
    private DateTimeOffset _now = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
        {
            return _now;
        }
    }

    public void Advance(TimeSpan by)
    {
        lock (_lock)
        {
            _now += by;
        }
    }
}
