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

    // [level]: the children of the node last read there, and which node it was.
    private readonly ChunkDigest[]?[] _nodes;
    private readonly long[] _nodeIndex;

    public MapWalker(DiskRoot root, IFrameSource source, ContentKeys keys)
    {
        _root = root;
        _fetcher = new MapFetcher(source, keys);
        _nodes = new ChunkDigest[root.Levels + 1][];
        _nodeIndex = new long[root.Levels + 1];
    }

    public async IAsyncEnumerable<ImagePiece> WalkAsync(DiskRange range, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var pages = new List<(long Index, ChunkDigest Digest)>();
        var last = range.Length == 0 ? -1 : MapGeometry.PageOf(range.End - 1);
        for (var page = MapGeometry.PageOf(range.Offset); page <= last;)
        {
            pages.Clear();
            var present = 0;
            for (; page <= last && present < PageBatch && pages.Count < MapGeometry.FanOut; page++)
            {
                var digest = await DigestOfPageAsync(page, cancellationToken);
                pages.Add((page, digest));
                present += digest.IsZero ? 0 : 1;
            }

            var entries = await FetchPagesAsync(pages, cancellationToken);
            for (var i = 0; i < pages.Count; i++)
            {
                foreach (var piece in Clip(pages[i].Index, entries[i], range))
                {
                    yield return piece;
                }
            }
        }
    }

    public void Dispose() => _fetcher.Dispose();

    private static IEnumerable<ImagePiece> Clip(long page, List<MapEntry>? entries, DiskRange range)
    {
        var start = page * MapGeometry.PageBytes;
        foreach (var entry in entries ?? [])
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

    private async Task<ChunkDigest> DigestOfPageAsync(long page, CancellationToken cancellationToken)
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
                _nodes[level] = await _fetcher.FetchNodeAsync(digest, level, node, _root.DiskSize, cancellationToken);
                _nodeIndex[level] = node;
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

    private async Task<List<MapEntry>?[]> FetchPagesAsync(List<(long Index, ChunkDigest Digest)> pages, CancellationToken cancellationToken)
    {
        var result = new List<MapEntry>?[pages.Count];
        var positions = new List<int>();
        for (var i = 0; i < pages.Count; i++)
        {
            var length = MapGeometry.PageLength(pages[i].Index, _root.DiskSize);
            if (pages[i].Digest.IsZero)
            {
                result[i] = [new MapEntry(0, length, ChunkDigest.Zero, 0)];
            }
            else
            {
                positions.Add(i);
            }
        }

        var digests = positions.ConvertAll(i => pages[i].Digest).ToArray();
        await _fetcher.FetchAsync(FrameKind.MapPage, digests, (position, plain) => result[positions[position]] = Parse(plain, pages[positions[position]].Index), cancellationToken);
        return result;
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
