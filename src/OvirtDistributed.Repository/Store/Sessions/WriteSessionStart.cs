// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>What a write session starts from.</summary>
internal sealed record WriteSessionStart
{
    public required SessionJournal Journal { get; init; }

    public required DiskRoot? Base { get; init; }

    public required IReadOnlyList<PageDigest> Pages { get; init; }

    public required IReadOnlyList<DiskRange> DamagedRanges { get; init; }

    public required IReadOnlyList<DiskRange> RewriteRanges { get; init; }
}
