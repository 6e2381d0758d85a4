// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using OvirtDistributed.Contracts.Bus;

namespace OvirtDistributed.Hosting.Bus;

/// <summary>
/// The settings of a cluster's offer queue. Server and workers both declare it, and RabbitMQ refuses the second declaration
/// (PRECONDITION_FAILED) when a single argument differs: so there is one place for them.
/// </summary>
public static class ClusterQueueTopology
{
    /// <summary>Deliveries that may end without an acknowledgement before the broker moves an offer to the dead letters.</summary>
    public const int DeliveryLimit = 20;

    /// <summary>Makes a receive endpoint with the name <see cref="ClusterQueue.NameOf"/> a cluster's queue. Without effect on the in-memory transport.</summary>
    public static void UseClusterQueue(this IReceiveEndpointConfigurator endpoint)
    {
        // Offers are sent to the queue's own exchange; nothing is to be bound by message type.
        endpoint.ConfigureConsumeTopology = false;
        if (endpoint is IRabbitMqReceiveEndpointConfigurator rabbit)
        {
            rabbit.SetQuorumQueue();
            rabbit.SetQueueArgument("x-dead-letter-exchange", ClusterQueue.DeadLetters);
            rabbit.SetQueueArgument("x-delivery-limit", DeliveryLimit);

            // A message that cannot be read goes back to the broker, which counts and finally dead-letters it, and not into queues per worker.
            rabbit.RethrowFaultedMessages();
            rabbit.ThrowOnSkippedMessages();
        }
    }
}
