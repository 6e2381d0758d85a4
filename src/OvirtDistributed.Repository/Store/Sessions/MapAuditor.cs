// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>Finds out whether all that a map reaches is stored (invariants 1 and 8). One call at a time; memory: a node per level and a batch of pages.</summary>
internal sealed class MapAuditor : IDisposable
{
    private readonly DigestIndex _index;
    private readonly MapFetcher _fetcher;
    private readonly List<MapEntry> _entries = [];
    private readonly List<PageDigest> _batch = [];
    private ChunkDigest[] _digests = new ChunkDigest[256];
    private IndexEntry[] _found = new IndexEntry[256];

    public MapAuditor(DigestIndex index, StoredFrameReader reader, ContentKeys keys)
    {
        _index = index;
        _fetcher = new MapFetcher(reader, keys);
    }

    /// <summary>Pages whose chunks were looked up.</summary>
    public long PagesChecked { get; private set; }

    /// <summary>What is not there.</summary>
    public MissingList Missing { get; } = new();

    /// <summary>How many of the missing are pages or nodes: what they use is not known.</summary>
    public long MissingMaps { get; private set; }

    /// <summary>Called with the digest of every node, page and chunk that the map reaches, missing or not; may be null.</summary>
    public Action<ChunkDigest>? Reached { get; init; }

    /// <summary>Notes that a frame is relied on, and says whether it still counts; null when looking is all that is done.</summary>
    public Func<IndexEntry, bool>? Hold { get; init; }

    /// <summary>Called with the disk range of each page or subtree that misses something; may be null.</summary>
    public Action<DiskRange>? Damaged { get; init; }

    /// <summary>Checks a disk's map.</summary>
    /// <param name="root">The map.</param>
    /// <param name="trusted">A map known to be whole: subtrees at the same place that cover the same bytes are not looked at again.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task CheckAsync(DiskRoot root, DiskRoot? trusted, CancellationToken cancellationToken)
    {
        root.Validate();
        var other = trusted is { } map && map.Levels <= root.Levels ? new Trusted(map.Digest, map.Levels, map.DiskSize) : default;
        await CheckNodeAsync(root, root.Levels, 0, root.Digest, other, cancellationToken);
        await CheckBatchAsync(root.DiskSize, cancellationToken);
    }

    /// <summary>Checks pages of a disk, and the chunks they name.</summary>
    public async Task CheckPagesAsync(ReadOnlyMemory<PageDigest> pages, long diskSize, CancellationToken cancellationToken)
    {
        for (var i = 0; i < pages.Length; i++)
        {
            var page = pages.Span[i];
            if (page.PageIndex < 0 || page.PageIndex >= MapGeometry.PageCount(diskSize))
            {
                throw RepositoryException.Invalid($"page {page.PageIndex}: the disk has {MapGeometry.PageCount(diskSize)} pages");
            }

            await AddPageAsync(page, diskSize, cancellationToken);
        }

        await CheckBatchAsync(diskSize, cancellationToken);
    }

    public void Dispose() => _fetcher.Dispose();

    private async Task CheckNodeAsync(DiskRoot root, int level, long index, ChunkDigest digest, Trusted trusted, CancellationToken cancellationToken)
    {
        if (digest.IsZero || trusted.Covers(level, index, digest, root.DiskSize))
        {
            return;
        }

        if (level == 0)
        {
            await AddPageAsync(new PageDigest(index, digest), root.DiskSize, cancellationToken);
            return;
        }

        Reached?.Invoke(digest);
        if (!IsStored(digest, FrameKind.MapNode))
        {
            Miss(digest, level, index, root.DiskSize);
            return;
        }

        var children = await _fetcher.FetchNodeAsync(digest, level, index, root.DiskSize, cancellationToken);
        var others = trusted.Level == level && !trusted.Digest.IsZero
            ? await _fetcher.FetchNodeAsync(trusted.Digest, level, index, trusted.DiskSize, cancellationToken)
            : null;
        for (var i = 0; i < children.Length; i++)
        {
            // A map of fewer levels is the leftmost part of one with more: go down there until the levels meet.
            var below = others is not null ? (i < others.Length ? trusted with { Digest = others[i], Level = level - 1 } : default)
                : i == 0 && index == 0 && trusted.Level < level ? trusted
                : default;
            await CheckNodeAsync(root, level - 1, (index * MapGeometry.FanOut) + i, children[i], below, cancellationToken);
        }
    }

    private async Task AddPageAsync(PageDigest page, long diskSize, CancellationToken cancellationToken)
    {
        if (page.Digest.IsZero)
        {
            return;
        }

        Reached?.Invoke(page.Digest);
        if (!IsStored(page.Digest, FrameKind.MapPage))
        {
            Miss(page.Digest, 0, page.PageIndex, diskSize);
            return;
        }

        _batch.Add(page);
        if (_batch.Count == MapFetcher.BatchSize)
        {
            await CheckBatchAsync(diskSize, cancellationToken);
        }
    }

    private async Task CheckBatchAsync(long diskSize, CancellationToken cancellationToken)
    {
        if (_batch.Count == 0)
        {
            return;
        }

        var pages = _batch.ToArray();
        _batch.Clear();
        await _fetcher.FetchAsync(
            FrameKind.MapPage, Array.ConvertAll(pages, page => page.Digest), (position, plain) => CheckPage(pages[position], plain, diskSize), cancellationToken);
    }

    private void CheckPage(PageDigest page, ReadOnlySpan<byte> plain, long diskSize)
    {
        PagesChecked++;
        var range = MapPage.Parse(plain, _entries);
        var expected = MapGeometry.PageLength(page.PageIndex, diskSize);
        if (range != expected)
        {
            throw RepositoryException.Invalid($"map page {page.Digest}: it describes {range} bytes, page {page.PageIndex} of the disk has {expected}");
        }

        var count = CollectChunks();
        _index.Find(_digests.AsSpan(0, count), _found.AsSpan(0, count));
        for (var i = 0; i < count; i++)
        {
            CheckChunk(page, _entries[i], _found[i]);
        }
    }

    private void CheckChunk(PageDigest page, in MapEntry entry, in IndexEntry found)
    {
        if (entry.IsZero)
        {
            return;
        }

        Reached?.Invoke(entry.Digest);
        if (found.IsNone || Hold?.Invoke(found) == false)
        {
            Missing.Add(entry.Digest);
            Damaged?.Invoke(new DiskRange((page.PageIndex * MapGeometry.PageBytes) + entry.Offset, entry.Length));
            return;
        }

        if (found.Kind != FrameKind.Chunk || entry.ChunkOffset + (long)entry.Length > found.PlainLength)
        {
            throw RepositoryException.Invalid(
                $"map page {page.Digest}: it uses {entry.ChunkOffset}+{entry.Length} of {found.Kind} {entry.Digest}, which has {found.PlainLength} bytes");
        }
    }

    // One digest per entry, so that positions stay the same; zeros are looked up in vain and ignored.
    private int CollectChunks()
    {
        if (_digests.Length < _entries.Count)
        {
            _digests = new ChunkDigest[_entries.Count * 2];
            _found = new IndexEntry[_entries.Count * 2];
        }

        var entries = CollectionsMarshal.AsSpan(_entries);
        for (var i = 0; i < entries.Length; i++)
        {
            _digests[i] = entries[i].Digest;
        }

        return entries.Length;
    }

    private bool IsStored(in ChunkDigest digest, FrameKind kind) =>
        _index.TryFind(digest, out var entry) && entry.Kind == kind && Hold?.Invoke(entry) != false;

    private void Miss(in ChunkDigest digest, int level, long index, long diskSize)
    {
        Missing.Add(digest);
        MissingMaps++;
        Damaged?.Invoke(RangeOf(level, index, diskSize));
    }

    private static DiskRange RangeOf(int level, long index, long diskSize)
    {
        var span = (long)MapGeometry.PageBytes;
        for (var i = 0; i < level; i++)
        {
            span *= MapGeometry.FanOut;
        }

        return new DiskRange(index * span, Math.Min(span, diskSize - (index * span)));
    }

    // Default has level 0 and the reserved digest, which equals nothing that is looked at.
    private readonly record struct Trusted(ChunkDigest Digest, int Level, long DiskSize)
    {
        /// <summary>Whether it is this subtree: at the end of disks of two sizes one digest would stand for two ranges, and is right for one of them.</summary>
        public bool Covers(int level, long index, in ChunkDigest digest, long diskSize) =>
            Level == level && Digest == digest && RangeOf(level, index, DiskSize) == RangeOf(level, index, diskSize);
    }
}
