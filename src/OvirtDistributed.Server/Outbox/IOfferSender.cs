// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Bus;

namespace OvirtDistributed.Server.Outbox;

/// <summary>Puts an offer on the bus. Returns when the broker has it in a queue.</summary>
internal interface IOfferSender
{
    /// <exception cref="OfferException">The bus is away, or nothing is bound where the offer was sent.</exception>
    Task SendAsync(OfferTask offer, string? traceParent, CancellationToken cancellationToken);
}

/// <summary>An offer that is in no queue; it will be sent again. The message is for the operator.</summary>
internal sealed class OfferException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The bus itself is away: the next offer would fare no better.</summary>
    public bool BusAway { get; init; }
}
