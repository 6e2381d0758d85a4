// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Goes through a disk's map in order. Memory: one node per level and a batch of pages.</summary>
internal sealed class MapWalker : IDisposable
{
    // Pages are read eight at a time: 128 MiB of disk, about 50 KiB of map.
    private const int PageBatch = 8;

    private readonly DiskRoot _root;
    private readonly MapFetcher _fetcher;
    private readonly IImageRescue? _rescue;

    // [level]: the children of the node last read there, and which node it was.
    private readonly ChunkDigest[]?[] _nodes;
    private readonly long[] _nodeIndex;

    // Why a page or node cannot be had; what is below it comes from the rescue.
    private RepositoryException? _loss;

    public MapWalker(DiskRoot root, IFrameSource source, ContentKeys keys, IImageRescue? rescue = null)
    {
        _root = root;
        _rescue = rescue;
        _fetcher = new MapFetcher(source, keys);
        _nodes = new ChunkDigest[root.Levels + 1][];
        _nodeIndex = new long[root.Levels + 1];
    }

    public async IAsyncEnumerable<ImagePiece> WalkAsync(DiskRange range, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pages = new List<(long Index, ChunkDigest? Digest)>();
        var last = range.Length == 0 ? -1 : MapGeometry.PageOf(range.End - 1);
        for (var page = MapGeometry.PageOf(range.Offset); page <= last;)
        {
            pages.Clear();
            var present = 0;
            for (; page <= last && present < PageBatch && pages.Count < MapGeometry.FanOut; page++)
            {
                var digest = await DigestOfPageAsync(page, cancellationToken);
                pages.Add((page, digest));
                present += digest is { IsZero: true } ? 0 : 1;
            }

            var entries = await FetchPagesAsync(pages, cancellationToken);
            for (var i = 0; i < pages.Count; i++)
            {
                var pieces = entries[i] is { } known ? Clip(pages[i].Index, known, range) : await ListForeignAsync(pages[i].Index, range, cancellationToken);
                foreach (var piece in pieces)
                {
                    yield return piece;
                }
            }
        }
    }

    public void Dispose() => _fetcher.Dispose();

    private static IEnumerable<ImagePiece> Clip(long page, List<MapEntry> entries, DiskRange range)
    {
        var start = page * MapGeometry.PageBytes;
        foreach (var entry in entries)
        {
            var from = Math.Max(start + entry.Offset, range.Offset);
            var to = Math.Min(start + entry.End, range.End);
            if (from < to)
            {
                var inChunk = entry.IsZero ? 0 : entry.ChunkOffset + (int)(from - start - entry.Offset);
                yield return new ImagePiece(from, to - from, entry.Digest, inChunk);
            }
        }
    }

    /// <summary>The part of a range that a lost page describes, as a copy of the disk lays it out.</summary>
    private async Task<IEnumerable<ImagePiece>> ListForeignAsync(long page, DiskRange range, CancellationToken cancellationToken)
    {
        var from = Math.Max(page * MapGeometry.PageBytes, range.Offset);
        var to = Math.Min(Math.Min((page + 1) * MapGeometry.PageBytes, _root.DiskSize), range.End);
        var layout = await _rescue!.ListAsync(new DiskRange(from, to - from), _loss!, cancellationToken);
        return layout.Select(part => new ImagePiece(part.Offset, part.Length, ChunkDigest.Zero, 0) { IsForeign = !part.IsZero });
    }

    /// <summary>Null when a node above the page is lost.</summary>
    private async Task<ChunkDigest?> DigestOfPageAsync(long page, CancellationToken cancellationToken)
    {
        if (_root.Levels == 0)
        {
            return _root.Digest;
        }

        var digest = _root.Digest;
        for (var level = _root.Levels; level > 0; level--)
        {
            if (digest.IsZero)
            {
                return digest;
            }

            var (node, child) = Place(page, level);
            if (_nodes[level] is null || _nodeIndex[level] != node)
            {
                _nodes[level] = await FetchNodeAsync(digest, level, node, cancellationToken);
                _nodeIndex[level] = node;
            }

            if (_nodes[level]!.Length == 0)
            {
                return null;
            }

            digest = _nodes[level]![child];
        }

        return digest;
    }

    // Which node of a level a page is under, and which of its children leads there.
    private static (long Node, int Child) Place(long page, int level)
    {
        for (var i = 1; i < level; i++)
        {
            page /= MapGeometry.FanOut;
        }

        return (page / MapGeometry.FanOut, (int)(page % MapGeometry.FanOut));
    }

    /// <summary>The children of a node; none when it is lost.</summary>
    private async Task<ChunkDigest[]> FetchNodeAsync(ChunkDigest digest, int level, long node, CancellationToken cancellationToken)
    {
        try
        {
            return await _fetcher.FetchNodeAsync(digest, level, node, _root.DiskSize, cancellationToken);
        }
        catch (RepositoryException failure) when (_rescue is not null)
        {
            _loss = failure;
            if (await FindAgainAsync(FrameKind.MapNode, digest, RangeOf(level, node), failure, cancellationToken) is not { } plain)
            {
                return [];
            }

            var children = new ChunkDigest[MapGeometry.ChildCount(level, node, _root.DiskSize)];
            MapNode.Parse(plain, level, children);
            return children;
        }
    }

    /// <summary>The entries of pages; null for one that is lost.</summary>
    private async Task<List<MapEntry>?[]> FetchPagesAsync(List<(long Index, ChunkDigest? Digest)> pages, CancellationToken cancellationToken)
    {
        var result = new List<MapEntry>?[pages.Count];
        var positions = new List<int>();
        for (var i = 0; i < pages.Count; i++)
        {
            if (pages[i].Digest is { IsZero: true })
            {
                result[i] = [new MapEntry(0, MapGeometry.PageLength(pages[i].Index, _root.DiskSize), ChunkDigest.Zero, 0)];
            }
            else if (pages[i].Digest is not null)
            {
                positions.Add(i);
            }
        }

        var digests = positions.ConvertAll(i => pages[i].Digest!.Value).ToArray();
        try
        {
            await _fetcher.FetchAsync(FrameKind.MapPage, digests, (position, plain) => result[positions[position]] = Parse(plain, pages[positions[position]].Index), cancellationToken);
        }
        catch (RepositoryException failure) when (_rescue is not null)
        {
            _loss = failure;
            foreach (var i in positions)
            {
                // Which of them it was is not known: each is asked for alone.
                result[i] ??= await FindAgainAsync(FrameKind.MapPage, pages[i].Digest!.Value, RangeOf(0, pages[i].Index), failure, cancellationToken) is { } plain
                    ? Parse(plain, pages[i].Index)
                    : null;
            }
        }

        return result;
    }

    private async Task<byte[]?> FindAgainAsync(FrameKind kind, ChunkDigest digest, DiskRange range, RepositoryException failure, CancellationToken cancellationToken)
    {
        try
        {
            byte[]? found = null;
            using var again = await _rescue!.FetchAgainAsync(new[] { digest }, failure, cancellationToken);
            _fetcher.Decode(kind, digest, again[0].Span, 0, (_, plain) => found = plain.ToArray());
            return found;
        }
        catch (RepositoryException)
        {
            return await _rescue!.FindAsync(kind, digest, range, cancellationToken);
        }
    }

    /// <summary>What of the disk a page or node describes.</summary>
    private DiskRange RangeOf(int level, long index)
    {
        var span = (long)MapGeometry.PageBytes;
        for (var i = 0; i < level; i++)
        {
            span *= MapGeometry.FanOut;
        }

        return new DiskRange(index * span, Math.Min(span, _root.DiskSize - (index * span)));
    }

    private List<MapEntry> Parse(ReadOnlySpan<byte> plain, long page)
    {
        var entries = new List<MapEntry>();
        var range = MapPage.Parse(plain, entries);
        var expected = MapGeometry.PageLength(page, _root.DiskSize);
        return range == expected
            ? entries
            : throw RepositoryException.Damaged($"map page {page} of root {_root.Digest}: it describes {range} bytes where {expected} are due");
    }
}
