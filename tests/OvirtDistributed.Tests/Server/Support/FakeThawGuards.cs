// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Server.Jobs.Backup.Freezing;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>Guards in memory, which only write down what becomes of them: the engine of these tests is in memory too.</summary>
internal sealed class FakeThawGuards : IThawGuards
{
    public ConcurrentQueue<FakeGuard> Started { get; } = [];

    public bool FailStart { get; set; }

    /// <summary>Guards are killed as soon as they watch.</summary>
    public bool KillBeforeAsking { get; set; }

    public Task<IThawGuard> StartAsync(GuardedGuest guest, CancellationToken cancellationToken)
    {
        if (FailStart)
        {
            throw new InvalidOperationException("no process can be started");
        }

        var guard = new FakeGuard(guest) { GoneBeforeAsking = KillBeforeAsking };
        Started.Enqueue(guard);
        return Task.FromResult<IThawGuard>(guard);
    }

    internal sealed class FakeGuard(GuardedGuest guest) : IThawGuard
    {
        public GuardedGuest Guest => guest;

        public required bool GoneBeforeAsking { get; init; }

        public bool IsAnswered { get; private set; }

        public bool IsEnded { get; private set; }

        /// <summary>Let go of without a word: a real one thaws then.</summary>
        public bool WouldThaw { get; private set; }

        public Task AskedAsync() => GoneBeforeAsking ? throw new IOException("the pipe is broken") : Task.CompletedTask;

        public Task FrozenAsync()
        {
            IsAnswered = true;
            return Task.CompletedTask;
        }

        public Task EndAsync()
        {
            IsEnded = true;
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            WouldThaw = !IsEnded;
            return ValueTask.CompletedTask;
        }
    }
}
