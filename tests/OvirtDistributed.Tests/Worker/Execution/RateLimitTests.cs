// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Execution;

public sealed class RateLimitTests
{
    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task NoLimit_NeverWaits()
    {
        var rate = new RateLimit(_time);

        for (var i = 0; i < 100; i++)
        {
            await rate.AcquireAsync(1 << 20, CancellationToken.None).AsTask().WithinDeadline();
        }
    }

    [Fact]
    public async Task Limit_HoldsOnAverage()
    {
        var rate = new RateLimit(_time) { BytesPerSecond = 1000 };
        var started = _time.GetTimestamp();

        for (var i = 0; i < 10; i++)
        {
            var grant = rate.AcquireAsync(500, CancellationToken.None).AsTask();
            if (i > 0)
            {
                Assert.False(grant.IsCompleted);
                await _time.WaitForTimersAsync(1, CancellationToken.None).WithinDeadline();
                _time.Advance(TimeSpan.FromSeconds(0.5));
            }

            await grant.WithinDeadline();
        }

        Assert.Equal(4.5, _time.GetElapsedTime(started).TotalSeconds, precision: 3);
    }

    [Fact]
    public async Task LimitIsLifted_WaitingReaderGoesOn()
    {
        var rate = new RateLimit(_time) { BytesPerSecond = 1 };
        await rate.AcquireAsync(1_000_000, CancellationToken.None);
        var waiting = rate.AcquireAsync(1, CancellationToken.None).AsTask();
        Assert.False(waiting.IsCompleted);

        rate.BytesPerSecond = 0;

        await waiting.WithinDeadline();
    }

    [Fact]
    public async Task CallerGivesUp_WaitEnds()
    {
        var rate = new RateLimit(_time) { BytesPerSecond = 1 };
        await rate.AcquireAsync(1_000_000, CancellationToken.None);
        using var cancel = new CancellationTokenSource();
        var waiting = rate.AcquireAsync(1, cancel.Token).AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WithinDeadline());
    }
}
