// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Repository.Maps;

/// <summary>
/// Builds the extent map of a disk while it is read. Ranges are declared in ascending order and then covered by data or zeros in any
/// order; a page is made as soon as all that is declared of it has come. Undeclared ranges come from the base, or are zero.
/// </summary>
/// <remarks>
/// The Declare and Add calls are cheap, thread-safe and never wait; <see cref="FlushAsync"/> does the work and is called by one thread at
/// a time. Memory: 32 bytes per page of the disk and the entries of pages in the making.
/// </remarks>
public sealed partial class DiskMapBuilder
{
    private DiskMapBuilder()
    {
    }

    /// <summary>Pages that are final so far, completed ones of an earlier attempt included.</summary>
    public long CompletedPageCount => throw new NotSupportedException("not landed yet");

    /// <summary>Reads the base's index nodes and gets ready.</summary>
    /// <param name="plan">Size, base and what is already done.</param>
    /// <param name="baseSource">Gives map pages and nodes of the base; may be null without one.</param>
    /// <param name="hasher">The repository's digest function.</param>
    /// <param name="encoder">Used by <see cref="FlushAsync"/> and <see cref="FinishAsync"/> only; stays the caller's.</param>
    /// <param name="sink">Takes frames and page events.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static Task<DiskMapBuilder> CreateAsync(
        DiskMapPlan plan,
        IFrameSource? baseSource,
        ChunkHasher hasher,
        FrameEncoder encoder,
        IMapSink sink,
        CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>True when the page was completed by an earlier attempt: its range need not be read.</summary>
    public bool IsPageCompleted(long pageIndex) => throw new NotSupportedException("not landed yet");

    /// <summary>What of a range must be read: the range without pages that were completed by an earlier attempt.</summary>
    public IEnumerable<DiskRange> Remaining(DiskRange range) => throw new NotSupportedException("not landed yet");

    /// <summary>Announces that a range will be covered by <see cref="AddData"/> and <see cref="AddZero"/>, each byte exactly once.</summary>
    /// <exception cref="RepositoryException">The range is outside the disk, or not behind all that was declared before.</exception>
    public void Declare(DiskRange range) => throw new NotSupportedException("not landed yet");

    /// <summary>Announces that nothing in front of <paramref name="offset"/> will be declared any more: pages up to there may become final.</summary>
    public void DeclaredThrough(long offset) => throw new NotSupportedException("not landed yet");

    /// <summary>A chunk, or part of one, stands at a declared range.</summary>
    /// <param name="range">May cross pages; it is split.</param>
    /// <param name="digest">The chunk.</param>
    /// <param name="chunkOffset">Where in the chunk the range starts; 0 for a whole chunk.</param>
    public void AddData(DiskRange range, in ChunkDigest digest, int chunkOffset) => throw new NotSupportedException("not landed yet");

    /// <summary>A declared range is zero: trimmed, or found so by the scan.</summary>
    public void AddZero(DiskRange range) => throw new NotSupportedException("not landed yet");

    /// <summary>Makes the pages that have become ready: reads the base's, merges, hands new ones to the sink.</summary>
    /// <returns>Pages that became final.</returns>
    public Task<int> FlushAsync(CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Makes all that is left and the index nodes, and returns the root.</summary>
    /// <exception cref="RepositoryException">A declared range was not covered; the message names it.</exception>
    public Task<DiskRoot> FinishAsync(CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");
}
