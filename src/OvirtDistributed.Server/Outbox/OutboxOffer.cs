// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Outbox;

/// <summary>An offer that waits to be published, written in the transaction of the task's change.</summary>
internal sealed class OutboxOffer
{
    public long Id { get; init; }

    public required Guid TaskId { get; init; }

    public required Guid JobId { get; init; }

    public required Guid ClusterId { get; init; }

    public required int Attempt { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>Not published before: set after a publish that failed.</summary>
    public DateTimeOffset NotBefore { get; set; }

    public int Tries { get; set; }

    public string Problem { get; set; } = "";
}
