// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Outbox;

/// <summary>The queues of the clusters on the bus.</summary>
internal interface IClusterQueues
{
    /// <summary>Makes sure that the cluster's queue exists with its limits and dead letters. Idempotent.</summary>
    Task DeclareAsync(Guid clusterId, CancellationToken cancellationToken);

    /// <summary>State of a cluster's queue; null when it cannot be told (in-memory transport).</summary>
    Task<QueueState?> ReadAsync(string queue, CancellationToken cancellationToken);
}

internal sealed record QueueState(long Messages, long Consumers);
