// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Repository.Maps;

/// <content>Making pages and nodes: one thread at a time.</content>
public sealed partial class DiskMapBuilder
{
    private readonly List<MapEntry> _merged = [];
    private readonly Dictionary<ChunkDigest, int> _numbers = [];

    /// <summary>Makes the pages that have become ready: reads the base's, merges, hands new ones to the sink.</summary>
    /// <returns>Pages that became final.</returns>
    /// <exception cref="RepositoryException">Entries overlap; a page of the base is missing or damaged; or the sink failed.</exception>
    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        var made = 0;
        for (var ready = TakeReady(); ready.Count > 0; ready = TakeReady())
        {
            var basePages = await FetchBasePagesAsync(ready, cancellationToken);
            foreach (var page in ready)
            {
                await MakePageAsync(page, basePages.GetValueOrDefault(page.Index), cancellationToken);
                made++;
            }
        }

        return made;
    }

    /// <summary>Makes all that is left and the index nodes, and returns the root.</summary>
    /// <exception cref="RepositoryException">A declared range was not covered; the message names the page.</exception>
    public async Task<DiskRoot> FinishAsync(CancellationToken cancellationToken)
    {
        DeclaredThrough(_plan.DiskSize);
        await FlushAsync(cancellationToken);
        lock (_gate)
        {
            if (_pending.Count > 0)
            {
                var page = _pending.Values.MinBy(p => p.Index)!;
                throw RepositoryException.Invalid(
                    $"disk map: {page.Declared} bytes of page {page.Index} were declared, {page.Received} came; {_pending.Count} pages are unfinished");
            }
        }

        if (_lost.Count > 0)
        {
            throw RepositoryException.Damaged(
                $"disk map: page {_lost.Min()} of the base and {_lost.Count - 1} more are lost and were not read in full; read the damaged ranges, or make a full backup");
        }

        var levels = MapGeometry.LevelsOf(_plan.DiskSize);
        var below = _pages;
        for (var level = 1; level <= levels; level++)
        {
            below = await MakeLevelAsync(level, below, cancellationToken);
        }

        return new DiskRoot(below.Length == 0 ? ChunkDigest.Zero : below[0], levels, _plan.DiskSize);
    }

    private List<PendingPage> TakeReady()
    {
        var pages = new List<PendingPage>();
        lock (_gate)
        {
            while (pages.Count < MapFetcher.BatchSize && _ready.TryDequeue(out var page))
            {
                pages.Add(page);
            }
        }

        return pages;
    }

    private async Task<Dictionary<long, List<MapEntry>>> FetchBasePagesAsync(List<PendingPage> pages, CancellationToken cancellationToken)
    {
        var result = new Dictionary<long, List<MapEntry>>();
        var needed = pages.FindAll(NeedsBase);
        if (needed.Count == 0)
        {
            return result;
        }

        var digests = needed.ConvertAll(page => _base[0][page.Index]).ToArray();
        using var fetcher = new MapFetcher(RequireBaseSource(), _keys);
        await fetcher.FetchAsync(
            FrameKind.MapPage,
            digests,
            (position, plain) =>
            {
                var entries = new List<MapEntry>();
                var range = MapPage.Parse(plain, entries);
                var expected = MapGeometry.PageLength(needed[position].Index, _plan.Base!.Value.DiskSize);
                if (range != expected)
                {
                    throw RepositoryException.Damaged($"map page {digests[position]}: it describes {range} bytes, page {needed[position].Index} of the base has {expected}");
                }

                result.Add(needed[position].Index, entries);
            },
            cancellationToken);
        return result;
    }

    private bool NeedsBase(PendingPage page) =>
        _base.Length > 0 && page.Index < _base[0].Length && !_base[0][page.Index].IsZero
        && page.Declared < MapGeometry.PageLength(page.Index, _plan.DiskSize);

    private async Task MakePageAsync(PendingPage page, List<MapEntry>? baseEntries, CancellationToken cancellationToken)
    {
        Merge(page, baseEntries);
        var digest = ChunkDigest.Zero;
        if (!(_merged.Count == 1 && _merged[0].IsZero))
        {
            var plain = ArrayPool<byte>.Shared.Rent(MapPage.MaxLength(_merged.Count));
            try
            {
                var length = MapPage.Write(_merged, plain, _numbers);
                digest = await StoreAsync(FrameKind.MapPage, plain.AsMemory(0, length), BaseDigest(0, page.Index), cancellationToken);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(plain);
            }
        }

        if (page.Declared == MapGeometry.PageLength(page.Index, _plan.DiskSize))
        {
            _lost.Remove(page.Index);
        }

        _pages[page.Index] = digest;
        Interlocked.Increment(ref _completed);
        await _sink.PageCompletedAsync(new PageDigest(page.Index, digest), cancellationToken);
    }

    private void Merge(PendingPage page, List<MapEntry>? baseEntries)
    {
        _merged.Clear();
        page.Entries.Sort(static (left, right) => left.Offset.CompareTo(right.Offset));
        var position = 0;
        var next = 0;
        foreach (var entry in page.Entries)
        {
            if (entry.Offset < position)
            {
                throw RepositoryException.Invalid($"disk map: entries of page {page.Index} overlap at offset {entry.Offset} of the page");
            }

            CopyBase(baseEntries, ref next, position, entry.Offset);
            MapPage.Append(_merged, entry);
            position = entry.End;
        }

        CopyBase(baseEntries, ref next, position, MapGeometry.PageLength(page.Index, _plan.DiskSize));
    }

    /// <summary>Takes what the base has between two offsets of the page; zeros where it has nothing.</summary>
    private void CopyBase(List<MapEntry>? entries, ref int next, int from, int to)
    {
        while (entries is not null && from < to && next < entries.Count)
        {
            var entry = entries[next];
            if (entry.End <= from)
            {
                next++;
                continue;
            }

            var end = Math.Min(entry.End, to);
            var inChunk = entry.IsZero ? 0 : entry.ChunkOffset + (from - entry.Offset);
            MapPage.Append(_merged, new MapEntry(from, end - from, entry.Digest, inChunk));
            from = end;
        }

        if (from < to)
        {
            MapPage.Append(_merged, new MapEntry(from, to - from, ChunkDigest.Zero, 0));
        }
    }

    private async Task<ChunkDigest[]> MakeLevelAsync(int level, ChunkDigest[] below, CancellationToken cancellationToken)
    {
        var nodes = new ChunkDigest[MapGeometry.CountAt(level, _plan.DiskSize)];
        var plain = ArrayPool<byte>.Shared.Rent(MapNode.Length(MapGeometry.FanOut));
        try
        {
            for (var i = 0; i < nodes.Length; i++)
            {
                var children = below.AsMemory(i * MapGeometry.FanOut, MapGeometry.ChildCount(level, i, _plan.DiskSize));
                if (children.Span.ContainsAnyExcept(ChunkDigest.Zero))
                {
                    var length = MapNode.Write(level, children.Span, plain);
                    nodes[i] = await StoreAsync(FrameKind.MapNode, plain.AsMemory(0, length), BaseDigest(level, i), cancellationToken);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }

        return nodes;
    }

    // The base's digest is no reason to leave a frame out where the base is damaged: that frame itself may be what is lost.
    private ChunkDigest BaseDigest(int level, long index) =>
        level < _base.Length && index < _base[level].Length && !IsDamaged(RangeOf(level, index)) ? _base[level][index] : ChunkDigest.Zero;

    private bool IsDamaged(DiskRange range)
    {
        foreach (var damaged in _plan.DamagedRanges)
        {
            if (damaged.Offset < range.End && range.Offset < damaged.End)
            {
                return true;
            }
        }

        return false;
    }

    private static DiskRange RangeOf(int level, long index)
    {
        var span = (long)MapGeometry.PageBytes;
        for (var i = 0; i < level; i++)
        {
            span *= MapGeometry.FanOut;
        }

        return new DiskRange(index * span, span);
    }

    private async Task<ChunkDigest> StoreAsync(FrameKind kind, ReadOnlyMemory<byte> plain, ChunkDigest unchanged, CancellationToken cancellationToken)
    {
        var digest = _keys.Compute(kind, plain.Span);
        if (digest == unchanged)
        {
            return digest;
        }

        var frame = ArrayPool<byte>.Shared.Rent(FrameEncoder.MaxEncodedLength(plain.Length));
        try
        {
            var length = _encoder.Encode(kind, digest, plain.Span, frame);
            await _sink.WriteFrameAsync(kind, digest, frame.AsMemory(0, length), cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(frame);
        }

        return digest;
    }
}
