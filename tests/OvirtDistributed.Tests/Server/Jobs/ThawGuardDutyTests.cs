// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Server.Jobs.Backup.Freezing;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

/// <summary>When a guard thaws and how often, by a clock of the test's.</summary>
public sealed class ThawGuardDutyTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly Words _words = new();
    private readonly SemaphoreSlim _thawed = new(0);
    private int _failures;

    public void Dispose()
    {
        _words.Dispose();
        _thawed.Dispose();
    }

    [Fact]
    public async Task FreezeWasAnswered_OneThawIsEnough()
    {
        var duty = Start();
        _words.Say(ThawGuardOrder.Frozen);

        _words.Say(null);

        Assert.Equal(0, await duty.WithinDeadline());
        Assert.Equal(1, _thawed.CurrentCount);
    }

    [Fact]
    public async Task ServerIsGoneBeforeTheGuestIsAsked_NothingIsCalled()
    {
        _words.Say(null);
        var duty = Start();

        Assert.Equal(0, await duty.WithinDeadline());
        Assert.Equal(0, _thawed.CurrentCount);
    }

    [Fact]
    public async Task FreezeWasNotAnswered_ThawsAgainUntilItCanNoLongerTakeEffect()
    {
        var duty = Start();

        _words.Say(null);

        var thaws = 0;
        while (!duty.IsCompleted)
        {
            if (await _thawed.WaitAsync(TimeSpan.FromMilliseconds(20), CancellationToken.None))
            {
                thaws++;
            }

            _time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(0, await duty.WithinDeadline());
        Assert.InRange(thaws, 5, 30);
    }

    [Fact]
    public async Task ThawFailsForAllItsPatience_EndsWithTheWordThatTheGuestMayBeFrozen()
    {
        _failures = int.MaxValue;
        var duty = Start();
        _words.Say(ThawGuardOrder.Frozen);
        _words.Say(null);

        while (!duty.IsCompleted)
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            await Task.Yield();
        }

        Assert.Equal(1, await duty.WithinDeadline());
    }

    [Fact]
    public async Task ServerThawsWhileTheGuardStillTries_GuardEnds()
    {
        _failures = int.MaxValue;
        var duty = Start();
        _words.Say(ThawGuardOrder.Frozen);
        await Deadline.UntilAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(31));
                return Task.FromResult(_failures < int.MaxValue);
            },
            "the guard tries");

        _words.Say(ThawGuardOrder.Thawed);

        Assert.Equal(0, await duty.WithinDeadline());
        Assert.Equal(0, _thawed.CurrentCount);
    }

    private Task<int> Start()
    {
        var order = new ThawGuardOrder
        {
            VmId = Guid.NewGuid(),
            CorrelationId = Guid.NewGuid(),
            ApiUrl = "https://engine/ovirt-engine/api",
            User = "admin@internal",
            Password = "secret",
            CaPem = "",
            HostAddresses = new Dictionary<string, string>(),
            Timeout = TimeSpan.FromMinutes(1),
            Lifetime = TimeSpan.FromMinutes(4),
            Pause = TimeSpan.FromSeconds(1),
            Patience = TimeSpan.FromMinutes(10),
        };
        Assert.DoesNotContain("secret", order.ToString(), StringComparison.Ordinal);
        _words.Say(ThawGuardOrder.Asked);
        return new ThawGuardDuty(order, ThawAsync, _words, _time).RunAsync();
    }

    private Task ThawAsync(CancellationToken cancellationToken)
    {
        if (_failures > 0)
        {
            _failures--;
            throw new InvalidOperationException("thaw was made to fail");
        }

        _thawed.Release();
        return Task.CompletedTask;
    }

    /// <summary>Words as they come; null is the end of whoever speaks.</summary>
    private sealed class Words : TextReader
    {
        private readonly Channel<string?> _said = Channel.CreateUnbounded<string?>();

        public void Say(string? word) => Assert.True(_said.Writer.TryWrite(word));

        public override ValueTask<string?> ReadLineAsync(CancellationToken cancellationToken) => _said.Reader.ReadAsync(cancellationToken);
    }
}
