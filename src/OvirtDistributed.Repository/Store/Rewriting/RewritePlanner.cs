// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Rewriting;

/// <summary>
/// Finds the ranges of a disk that its next backup should write anew, in the pages that changed since an earlier map. Memory: two nodes per level, a
/// batch of pages and the selection, at any size of the disk.
/// </summary>
internal sealed class RewritePlanner : IDisposable
{
    // Pages that are looked at, or left for another backup, together: 4 GiB of disk.
    private const int PagesPerStretch = 256;

    private readonly DigestIndex _index;
    private readonly RewriteOptions _options;
    private readonly MapFetcher _fetcher;
    private readonly PageRewrites _page;
    private readonly RewriteSelection _selection = new();
    private readonly List<PageDigest> _batch = [];
    private readonly List<MapEntry> _entries = [];
    private ChunkDigest[] _digests = new ChunkDigest[256];
    private IndexEntry[] _found = new IndexEntry[256];
    private long _dataPages;
    private long _turns = 1;
    private long _turn;

    public RewritePlanner(DigestIndex index, IFrameSource source, ContentKeys keys, RewriteOptions options)
    {
        _index = index;
        _options = options;
        _fetcher = new MapFetcher(source, keys);
        _page = new PageRewrites(options);
    }

    /// <summary>Map pages that were looked at.</summary>
    public long PagesSeen { get; private set; }

    /// <summary>The ranges, ascending and disjoint, within the budget.</summary>
    /// <param name="root">The map of the base.</param>
    /// <param name="before">An earlier map: pages that stand in both are not looked at. Null: all are.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException">A page or node is damaged or missing.</exception>
    public async Task<List<DiskRange>> PlanAsync(DiskRoot root, DiskRoot? before, CancellationToken cancellationToken)
    {
        // By the root, which is another after each backup, and the same for each attempt at one.
        _turns = (MapGeometry.PageCount(root.DiskSize) + _options.MostPages - 1) / _options.MostPages;
        _turn = _turns == 0 ? 0 : (long)(root.Digest.KeyLow % (ulong)_turns);
        var other = before is { } map && map.Levels <= root.Levels ? new Earlier(map.Digest, map.Levels, map.DiskSize) : default;
        await WalkAsync(root, root.Levels, 0, root.Digest, other, cancellationToken);
        await LookAtBatchAsync(root.DiskSize, cancellationToken);
        return _selection.Take(_options.BudgetFor(Math.Min(_dataPages * MapGeometry.PageBytes, root.DiskSize)));
    }

    public void Dispose() => _fetcher.Dispose();

    private async Task WalkAsync(DiskRoot root, int level, long index, ChunkDigest digest, Earlier earlier, CancellationToken cancellationToken)
    {
        if (digest.IsZero)
        {
            return;
        }

        if (level == 0)
        {
            _dataPages++;
            if (!(earlier.Level == 0 && earlier.Digest == digest) && index / PagesPerStretch % _turns == _turn)
            {
                await AddAsync(new PageDigest(index, digest), root.DiskSize, cancellationToken);
            }

            return;
        }

        var children = await _fetcher.FetchNodeAsync(digest, level, index, root.DiskSize, cancellationToken);
        var others = earlier.Level != level || earlier.Digest.IsZero ? null
            : earlier.Digest == digest ? children
            : await _fetcher.FetchNodeAsync(earlier.Digest, level, index, earlier.DiskSize, cancellationToken);
        for (var i = 0; i < children.Length; i++)
        {
            // A map of fewer levels is the leftmost part of one with more: go down there until the levels meet.
            var below = others is not null ? (i < others.Length ? earlier with { Digest = others[i], Level = level - 1 } : default)
                : i == 0 && index == 0 && earlier.Level < level ? earlier
                : default;
            await WalkAsync(root, level - 1, (index * MapGeometry.FanOut) + i, children[i], below, cancellationToken);
        }
    }

    private async Task AddAsync(PageDigest page, long diskSize, CancellationToken cancellationToken)
    {
        _batch.Add(page);
        if (_batch.Count == MapFetcher.BatchSize)
        {
            await LookAtBatchAsync(diskSize, cancellationToken);
        }
    }

    private async Task LookAtBatchAsync(long diskSize, CancellationToken cancellationToken)
    {
        if (_batch.Count == 0)
        {
            return;
        }

        var pages = _batch.ToArray();
        _batch.Clear();
        await _fetcher.FetchAsync(
            FrameKind.MapPage, Array.ConvertAll(pages, page => page.Digest), (position, plain) => LookAt(pages[position].PageIndex, plain, diskSize), cancellationToken);
    }

    private void LookAt(long page, ReadOnlySpan<byte> plain, long diskSize)
    {
        PagesSeen++;
        MapPage.Parse(plain, _entries);
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

        _index.Find(_digests.AsSpan(0, entries.Length), _found.AsSpan(0, entries.Length));
        _page.Find(page * MapGeometry.PageBytes, entries, _found.AsSpan(0, entries.Length), page == MapGeometry.PageCount(diskSize) - 1, _selection);
    }

    // Default has level 0 and the reserved digest, which equals nothing that is looked at.
    private readonly record struct Earlier(ChunkDigest Digest, int Level, long DiskSize);
}
