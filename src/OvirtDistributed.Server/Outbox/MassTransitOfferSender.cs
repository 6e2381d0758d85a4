// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using MassTransit;
using OvirtDistributed.Contracts.Bus;

namespace OvirtDistributed.Server.Outbox;

/// <summary>
/// Sends offers to the exchange of the cluster's queue. On RabbitMQ the message is mandatory and the publisher is confirmed: an exchange without
/// a queue is an error, not a loss. The queue itself is never addressed: that would declare it as a classic one.
/// </summary>
internal sealed class MassTransitOfferSender(IBus bus) : IOfferSender
{
    private static readonly TimeSpan SendLimit = TimeSpan.FromSeconds(20);

    public async Task SendAsync(OfferTask offer, string? traceParent, CancellationToken cancellationToken)
    {
        // The offer belongs to the job's trace, not to whatever the pump does at the moment.
        using var activity = ServerInstruments.Source.StartActivity("offer.publish", ActivityKind.Producer, traceParent);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SendLimit);
        try
        {
            var endpoint = await bus.GetSendEndpoint(new Uri($"exchange:{ClusterQueue.NameOf(offer.ClusterId)}"));
            await endpoint.Send(
                offer,
                context =>
                {
                    context.MessageId = Guid.NewGuid();
                    context.TrySetMandatory();
                },
                limit.Token);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new OfferException(
                failure is OperationCanceledException
                    ? "the message bus did not take the offer in time; it is sent again"
                    : $"the offer reached no queue of cluster {offer.ClusterId}: {failure.Message}; it is sent again",
                failure)
            {
                BusAway = failure is not MessageReturnedException,
            };
        }
    }
}
