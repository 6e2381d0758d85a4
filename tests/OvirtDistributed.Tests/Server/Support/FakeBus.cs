// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Server.Outbox;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>A bus that remembers what was sent.</summary>
internal sealed class FakeBus : IOfferSender, IClusterQueues
{
    private readonly Lock _lock = new();
    private readonly List<OfferTask> _sent = [];

    /// <summary>While set, nothing reaches a queue.</summary>
    public string? Problem { get; set; }

    public IReadOnlyList<OfferTask> Sent
    {
        get
        {
            lock (_lock)
            {
                return [.. _sent];
            }
        }
    }

    public HashSet<Guid> Declared { get; } = [];

    /// <summary>What every queue holds.</summary>
    public QueueState Queue { get; set; } = new(0, 0);

    public Task SendAsync(OfferTask offer, string? traceParent, CancellationToken cancellationToken)
    {
        if (Problem is { } problem)
        {
            throw new OfferException(problem);
        }

        lock (_lock)
        {
            _sent.Add(offer);
        }

        return Task.CompletedTask;
    }

    public Task DeclareAsync(Guid clusterId, CancellationToken cancellationToken)
    {
        Declared.Add(clusterId);
        return Task.CompletedTask;
    }

    public Task<QueueState?> ReadAsync(string queue, CancellationToken cancellationToken) => Task.FromResult<QueueState?>(Queue);
}
