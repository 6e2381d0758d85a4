// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Outbox;

/// <summary>The in-memory transport: a worker's endpoint makes its queue when it connects, and nothing tells its length.</summary>
internal sealed class InMemoryClusterQueues : IClusterQueues
{
    public Task DeclareAsync(Guid clusterId, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<QueueState?> ReadAsync(string queue, CancellationToken cancellationToken) => Task.FromResult<QueueState?>(null);
}
