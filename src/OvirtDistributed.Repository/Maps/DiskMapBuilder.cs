// SPDX-License-Identifier: Apache-2.0
using System.Collections;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Repository.Maps;

/// <summary>
/// Builds the extent map of a disk while it is read. Ranges are declared in ascending order and then covered by data or zeros in any
/// order; a page is made as soon as all that is declared of it has come. Undeclared ranges come from the base, or are zero.
/// </summary>
/// <remarks>
/// The Declare and Add calls are cheap, thread-safe and never wait; <see cref="FlushAsync"/> does the work and is called by one thread at
/// a time. Declare as the reading goes on rather than a whole huge disk at once: memory is 32 bytes per page of the disk, plus the
/// pages that are declared and not yet final.
/// </remarks>
public sealed partial class DiskMapBuilder
{
    private readonly Lock _gate = new();
    private readonly DiskMapPlan _plan;
    private readonly IFrameSource? _baseSource;
    private readonly ContentKeys _keys;
    private readonly FrameEncoder _encoder;
    private readonly IMapSink _sink;
    private readonly BitArray _resumed;

    // Pages under a lost node of the base that were not yet made in full.
    private readonly HashSet<long> _lost = [];
    private readonly Dictionary<long, PendingPage> _pending = [];
    private readonly Queue<PendingPage> _ready = new();

    // Per level the digests of the map so far; of the base to tell what is unchanged (empty without one).
    private readonly ChunkDigest[] _pages;
    private ChunkDigest[][] _base = [];
    private long _declaredThrough;
    private long _closedPages;
    private long _completed;

    private DiskMapBuilder(DiskMapPlan plan, IFrameSource? baseSource, ContentKeys keys, FrameEncoder encoder, IMapSink sink)
    {
        _plan = plan;
        _baseSource = baseSource;
        _keys = keys;
        _encoder = encoder;
        _sink = sink;
        var count = checked((int)MapGeometry.PageCount(plan.DiskSize));
        _pages = new ChunkDigest[count];
        _resumed = new BitArray(count);
    }

    /// <summary>Pages made so far, with those completed by an earlier attempt; pages nothing was declared of are not counted.</summary>
    public long CompletedPageCount => Interlocked.Read(ref _completed);

    /// <summary>Reads the base's index nodes and gets ready.</summary>
    /// <param name="plan">Size, base and what is already done.</param>
    /// <param name="baseSource">Gives map pages and nodes of the base; may be null without one.</param>
    /// <param name="keys">The repository's digest function.</param>
    /// <param name="encoder">Used by <see cref="FlushAsync"/> and <see cref="FinishAsync"/> only; stays the caller's.</param>
    /// <param name="sink">Takes frames and page events.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<DiskMapBuilder> CreateAsync(
        DiskMapPlan plan,
        IFrameSource? baseSource,
        ContentKeys keys,
        FrameEncoder encoder,
        IMapSink sink,
        CancellationToken cancellationToken)
    {
        MapGeometry.CheckSize(plan.DiskSize);
        if (plan.Base is { } root)
        {
            root.Validate();
            if (root.DiskSize > plan.DiskSize)
            {
                throw RepositoryException.Invalid($"disk size: {plan.DiskSize}, the base has {root.DiskSize}; a smaller disk cannot have a base");
            }
        }

        var builder = new DiskMapBuilder(plan, baseSource, keys, encoder, sink);
        await builder.LoadBaseAsync(cancellationToken);
        builder.TakeCompletedPages();
        return builder;
    }

    /// <summary>True when the page was completed by an earlier attempt: its range need not be read.</summary>
    public bool IsPageCompleted(long pageIndex) => _resumed[(int)pageIndex];

    /// <summary>What of a range must be read: the range without pages that were completed by an earlier attempt.</summary>
    public IEnumerable<DiskRange> Remaining(DiskRange range)
    {
        var start = range.Offset;
        for (var offset = range.Offset; offset < range.End;)
        {
            var pageEnd = Math.Min((MapGeometry.PageOf(offset) + 1) * MapGeometry.PageBytes, range.End);
            if (IsPageCompleted(MapGeometry.PageOf(offset)))
            {
                if (offset > start)
                {
                    yield return new DiskRange(start, offset - start);
                }

                start = pageEnd;
            }

            offset = pageEnd;
        }

        if (range.End > start)
        {
            yield return new DiskRange(start, range.End - start);
        }
    }

    /// <summary>
    /// Announces that a range will be covered by <see cref="AddData"/> and <see cref="AddZero"/>, each byte exactly once.
    /// Parts in pages that an earlier attempt completed are ignored, here and there.
    /// </summary>
    /// <exception cref="RepositoryException">The range is outside the disk, or not behind all that was declared before.</exception>
    public void Declare(DiskRange range)
    {
        RequireInside(range);
        lock (_gate)
        {
            if (range.Offset < _declaredThrough)
            {
                throw RepositoryException.Invalid($"declared range {range.Offset}+{range.Length}: it is not behind {_declaredThrough}, declared before");
            }

            for (var offset = range.Offset; offset < range.End;)
            {
                var page = MapGeometry.PageOf(offset);
                var end = Math.Min((page + 1) * MapGeometry.PageBytes, range.End);
                if (!_resumed[(int)page])
                {
                    Pending(page).Declared += (int)(end - offset);
                }

                offset = end;
            }

            _declaredThrough = range.End;
            CloseThrough(range.End);
        }
    }

    /// <summary>Announces that nothing in front of <paramref name="offset"/> will be declared any more: pages up to there may become final.</summary>
    public void DeclaredThrough(long offset)
    {
        lock (_gate)
        {
            _declaredThrough = Math.Max(_declaredThrough, Math.Min(offset, _plan.DiskSize));
            CloseThrough(_declaredThrough);
        }
    }

    /// <summary>A chunk, or part of one, stands at a declared range.</summary>
    /// <param name="range">May cross pages; it is split.</param>
    /// <param name="digest">The chunk.</param>
    /// <param name="chunkOffset">Where in the chunk the range starts; 0 for a whole chunk.</param>
    public void AddData(DiskRange range, in ChunkDigest digest, int chunkOffset)
    {
        if (digest.IsZero || chunkOffset < 0 || chunkOffset + range.Length > FrameHeader.MaxPlainLength)
        {
            throw RepositoryException.Invalid($"map entry {range.Offset}+{range.Length}: no such part of a chunk ({digest}, offset {chunkOffset})");
        }

        Add(range, digest, chunkOffset);
    }

    /// <summary>A declared range is zero: trimmed, or found so by the scan.</summary>
    public void AddZero(DiskRange range) => Add(range, ChunkDigest.Zero, 0);

    private void Add(DiskRange range, in ChunkDigest digest, int chunkOffset)
    {
        RequireInside(range);
        lock (_gate)
        {
            for (var offset = range.Offset; offset < range.End;)
            {
                var index = MapGeometry.PageOf(offset);
                var end = Math.Min((index + 1) * MapGeometry.PageBytes, range.End);
                if (!_resumed[(int)index])
                {
                    var inChunk = digest.IsZero ? 0 : chunkOffset + (int)(offset - range.Offset);
                    AddToPage(index, new MapEntry((int)(offset - (index * MapGeometry.PageBytes)), (int)(end - offset), digest, inChunk));
                }

                offset = end;
            }
        }
    }

    private void AddToPage(long index, in MapEntry entry)
    {
        if (!_pending.TryGetValue(index, out var page) || page.Received + entry.Length > page.Declared)
        {
            throw RepositoryException.Invalid(
                $"map entry {(index * MapGeometry.PageBytes) + entry.Offset}+{entry.Length}: more than was declared of page {index}");
        }

        page.Entries.Add(entry);
        page.Received += entry.Length;
        TakeIfReady(page);
    }

    private PendingPage Pending(long index)
    {
        if (!_pending.TryGetValue(index, out var page))
        {
            page = new PendingPage(index);
            _pending.Add(index, page);
        }

        return page;
    }

    private void CloseThrough(long offset)
    {
        var closed = offset >= _plan.DiskSize ? _pages.Length : MapGeometry.PageOf(offset);
        for (; _closedPages < closed; _closedPages++)
        {
            if (_pending.TryGetValue(_closedPages, out var page))
            {
                page.Closed = true;
                TakeIfReady(page);
            }
        }
    }

    private void TakeIfReady(PendingPage page)
    {
        if (page.Closed && page.Received == page.Declared)
        {
            _pending.Remove(page.Index);
            _ready.Enqueue(page);
        }
    }

    private void RequireInside(DiskRange range)
    {
        if (range.Offset < 0 || range.Length <= 0 || range.Offset > _plan.DiskSize - range.Length)
        {
            throw RepositoryException.Invalid($"disk range {range.Offset}+{range.Length}: outside the disk of {_plan.DiskSize} bytes");
        }
    }

    private void TakeCompletedPages()
    {
        foreach (var page in _plan.CompletedPages)
        {
            if (page.PageIndex < 0 || page.PageIndex >= _pages.Length)
            {
                throw RepositoryException.Invalid($"completed page {page.PageIndex}: the disk has {_pages.Length} pages");
            }

            _pages[page.PageIndex] = page.Digest;
            _resumed[(int)page.PageIndex] = true;
            _lost.Remove(page.PageIndex);
            _pending.Remove(page.PageIndex);
        }

        _completed = _plan.CompletedPages.Count;
    }

    private async Task LoadBaseAsync(CancellationToken cancellationToken)
    {
        if (_plan.Base is not { } root || root.Digest.IsZero)
        {
            return;
        }

        using var fetcher = new MapFetcher(RequireBaseSource(), _keys);
        _base = await MapTree.LoadAsync(root, fetcher, (level, index) => NoteIfLost(root.DiskSize, level, index), cancellationToken);
        _base[0].CopyTo(_pages, 0);
        var last = _base[0].Length - 1;
        var grew = MapGeometry.PageLength(last, root.DiskSize) != MapGeometry.PageLength(last, _plan.DiskSize);
        if (grew && !_base[0][last].IsZero)
        {
            // The base's last page describes less than this disk's page of the same number: it is made anew, also untouched.
            Pending(last);
        }
    }

    // A node is lost when all of its range is reported as damaged; a node that is readable after all is then simply not needed.
    private bool NoteIfLost(long size, int level, long index)
    {
        var node = RangeOf(level, index);
        var (start, end) = (node.Offset, Math.Min(node.End, size));
        if (!_plan.DamagedRanges.Any(range => range.Offset <= start && range.End >= end))
        {
            return false;
        }

        for (var page = MapGeometry.PageOf(start); page <= MapGeometry.PageOf(end - 1); page++)
        {
            _lost.Add(page);
        }

        return true;
    }

    private IFrameSource RequireBaseSource() =>
        _baseSource ?? throw RepositoryException.Invalid("base source: needed, because the plan has a base");

    private sealed class PendingPage(long index)
    {
        public long Index { get; } = index;

        public List<MapEntry> Entries { get; } = [];

        public int Declared { get; set; }

        public int Received { get; set; }

        public bool Closed { get; set; }
    }
}
