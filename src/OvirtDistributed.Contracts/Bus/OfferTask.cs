// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Contracts.Bus;

/// <summary>
/// Offers one attempt at a task to the workers of a cluster. Only an offer: the lease, taken by gRPC, decides who works.
/// A second copy, or one that comes late, does no harm. Carries no secret. Fields are only ever added.
/// </summary>
public sealed record OfferTask
{
    public required Guid TaskId { get; init; }

    public required int Attempt { get; init; }

    public required Guid JobId { get; init; }

    /// <summary>The cluster whose queue the offer was sent to.</summary>
    public required Guid ClusterId { get; init; }
}
