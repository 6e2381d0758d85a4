// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Leases;

/// <summary>What a worker reports of a task that succeeded.</summary>
internal sealed record TaskResult(
    byte[]? RootDigest, int RootLevels, long RootSizeBytes, long StoredBytes, string? Checksum, TaskStatistics Statistics)
{
    /// <summary>Verification: what cannot be restored; empty when all can.</summary>
    public string Damage { get; init; } = "";

    /// <summary>What copies gave; null when nothing was needed.</summary>
    public TaskRescue? Rescue { get; init; }
}
