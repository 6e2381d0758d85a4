// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>A caller's request id and the jobs it made, so that a repeated call makes none.</summary>
internal sealed class HandledRequest
{
    public required string RequestId { get; init; }

    /// <summary>Of what was asked for (<see cref="RequestKey"/>); empty in rows of before there were any.</summary>
    public required string Fingerprint { get; init; }

    public required IReadOnlyList<Guid> JobIds { get; init; }

    public required DateTimeOffset Created { get; init; }
}
