// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Leases;

/// <summary>The answer to a worker that asked for a lease: a token, or why not.</summary>
internal sealed record LeaseGrant(bool Granted, long FencingToken, Guid JobId, string? TraceParent, string Refusal)
{
    public static LeaseGrant Refused(string reason) => new(false, 0, Guid.Empty, null, reason);
}

/// <summary>What a worker claims to hold.</summary>
internal readonly record struct LeaseClaim(string WorkerId, Guid TaskId, int Attempt, long FencingToken);

internal enum LeaseRenewal
{
    /// <summary>Not this worker's any more.</summary>
    Lost,
    Renewed,

    /// <summary>Renewed, and the worker is to stop and report.</summary>
    Cancel,
}
