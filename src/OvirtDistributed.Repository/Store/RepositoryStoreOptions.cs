// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Store.Rewriting;

namespace OvirtDistributed.Repository.Store;

/// <summary>Bounds and habits of an open repository. None of them changes the format.</summary>
public sealed record RepositoryStoreOptions
{
    /// <summary>Index entries kept in memory before they become a run on disk; about 80 bytes each. Default 262,144.</summary>
    public int MemoryTableEntries { get; init; } = 256 << 10;

    /// <summary>Appended bytes after which a pack is flushed without waiting. Default 32 MiB.</summary>
    public int FlushBytes { get; init; } = 32 << 20;

    /// <summary>How long the first unflushed byte waits at most. Default 100 ms: the delay of an acknowledgement.</summary>
    public TimeSpan FlushDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>A session without any call for this long is ended. Default 15 minutes.</summary>
    public TimeSpan SessionIdleTimeout { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>No new pack is begun with less free space, so that commits and clean-up still can write. Default 256 MiB.</summary>
    public long ReserveBytes { get; init; } = 256L << 20;

    /// <summary>
    /// How often, at most, a backup that starts looks first whether all packs are there and as long as they were: one listing of the packs, on S3 a request
    /// for a thousand of them. Default one minute.
    /// </summary>
    public TimeSpan InspectionInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// True: every chunk that arrives is decoded and its digest computed, about 1 s of a core per GiB; a broken writer cannot poison a digest.
    /// False: checksums only. Map pages, nodes and metadata are always proven. Default true.
    /// </summary>
    public bool VerifyChunkDigests { get; init; } = true;

    /// <summary>How long each new point is locked from its commit on: it cannot be removed before. Zero: not locked. Default zero.</summary>
    public TimeSpan LockNewPointsFor { get; init; }

    /// <summary>Longest lock that is taken: one for ever would fill the storage for ever. Default 3,653 days, ten years.</summary>
    public TimeSpan LongestLock { get; init; } = TimeSpan.FromDays(3653);

    /// <summary>When partly used chunks and fragments are written anew.</summary>
    public RewriteOptions Rewriting { get; init; } = new();

    /// <summary>
    /// Index runs of about one size before they are merged. More: fewer bytes written again, more runs to ask for a digest that is not there.
    /// Default 12: below 4 bytes written per byte of index at 100 million entries, also where each commit adds few (docs/benchmarks.md, index at scale).
    /// </summary>
    public int RunsPerTier { get; init; } = 12;
}
