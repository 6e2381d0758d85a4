// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>What opening a repository found and repaired. All zero after a clean end.</summary>
public sealed record RecoveryReport
{
    /// <summary>Packs that had no footer and were scanned and sealed.</summary>
    public int UnsealedPacks { get; init; }

    /// <summary>Packs without a single whole frame, removed.</summary>
    public int EmptyPacksRemoved { get; init; }

    /// <summary>Bytes in packs that are no valid frame: unfinished appends, or damage.</summary>
    public long UnreadableBytes { get; init; }

    /// <summary>Index runs that were damaged and dropped; their packs were read again.</summary>
    public int DamagedRuns { get; init; }

    /// <summary>Packs whose frames were put into the index again.</summary>
    public int ReindexedPacks { get; init; }

    /// <summary>Frames put into the index again.</summary>
    public long ReindexedFrames { get; init; }

    /// <summary>Objects that could not be understood, with the reason; nothing was done to them.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>True when there was nothing to do.</summary>
    public bool IsClean => UnsealedPacks == 0 && EmptyPacksRemoved == 0 && DamagedRuns == 0 && ReindexedPacks == 0 && Problems.Count == 0;
}
