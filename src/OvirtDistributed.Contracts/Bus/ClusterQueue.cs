// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Contracts.Bus;

/// <summary>Names of the queues on the bus. The server declares them; workers consume.</summary>
public static class ClusterQueue
{
    /// <summary>Where offers land that were rejected too often or could not be read.</summary>
    public const string DeadLetters = "ovd.dead-letters";

    /// <summary>Name of the quorum queue, and of the exchange before it, that carries a cluster's offers.</summary>
    public static string NameOf(Guid clusterId) => $"ovd.cluster.{clusterId:D}";
}
