// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Rewriting;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Rewriting;

/// <summary>Which entries of one page are worth being written anew.</summary>
public sealed class PageRewritesTests
{
    private const int KiB = 1024;

    private readonly List<MapEntry> _entries = [];
    private readonly List<IndexEntry> _found = [];
    private int _end;

    [Fact]
    public void LittleUsedChunk_ItsEntriesAreTaken_AndNoOthers()
    {
        Add(chunk: 1, plain: 128, from: 0, length: 128).Add(2, 512, 0, 80).Zero(64).Add(2, 512, 400, 80).Add(3, 128, 0, 128).Zero(16 * KiB - 480);

        // 160 of 512 KiB are 31 %.
        Assert.Equal([new DiskRange(128 * KiB, 80 * KiB), new DiskRange(272 * KiB, 80 * KiB)], Find());
    }

    [Fact]
    public void SamePartTwice_CountsOnce()
    {
        Add(1, 128, 0, 128).Add(2, 256, 0, 96).Add(1, 128, 0, 128).Add(2, 256, 0, 96).Zero(16 * KiB - 448);

        Assert.Equal(2, Find().Count);
    }

    [Fact]
    public void ChunkThatGoesOnInTheNeighbourPage_CountsAsUsedThere()
    {
        Add(1, 512, from: 448, length: 64).Add(2, 128, 0, 128).Zero(16 * KiB - 256).Add(3, 512, 0, 64);

        Assert.Empty(Find(start: 16 << 20));
        Assert.Equal([new DiskRange(0, 64 * KiB)], Find(start: 0));
        Assert.Equal([new DiskRange((32 << 20) - (64 * KiB), 64 * KiB)], Find(start: 16 << 20, isLast: true));
    }

    [Fact]
    public void PageThatIsReadTooMuch_IsBroughtBelowTheLimit()
    {
        for (var i = 0; i < 10; i++)
        {
            // Each chunk is half used: above 40 %, and yet twice the data is read.
            Add(chunk: i + 1, plain: 256, from: 0, length: 128).Zero(64);
        }

        Zero(16 * KiB - 1920);
        Assert.Equal(10, Find().Count);
    }

    [Fact]
    public void SmallNeighbours_BecomeOneRange_WholeChunksAloneStay()
    {
        for (var i = 0; i < 8; i++)
        {
            // A new block of 16 KiB in the middle of each old chunk.
            Add(chunk: 1 + (2 * i), plain: 96, from: 0, length: 40).Add(2 + (2 * i), 16, 0, 16).Add(1 + (2 * i), 96, 56, 40);
        }

        Zero(16 * KiB - 768);
        Assert.Equal([new DiskRange(0, 768 * KiB)], Find());

        _entries.Clear();
        _found.Clear();
        _end = 0;
        for (var i = 0; i < 8; i++)
        {
            Add(chunk: 1 + i, plain: 32, from: 0, length: 32);
        }

        Zero(16 * KiB - 256);
        Assert.Empty(Find());
    }

    [Fact]
    public void MoreThanTheBudget_TheWorstAreTaken()
    {
        var selection = new RewriteSelection();
        for (var i = 0; i < 100; i++)
        {
            selection.Add(new DiskRange(i * 100L, 10), score: i % 10);
        }

        var taken = selection.Take(budget: 155);
        Assert.Equal(15, taken.Count);
        Assert.Equal(10, taken.Count(range => range.Offset / 100 % 10 == 9));
        Assert.Equal(5, taken.Count(range => range.Offset / 100 % 10 == 8));
    }

    [Fact]
    public void MoreRangesThanAreKept_TheBestStay()
    {
        var selection = new RewriteSelection();
        for (var i = 0L; i < 2 * RewriteSelection.MostRanges; i++)
        {
            selection.Add(new DiskRange(i * 8192, 4096), score: i);
        }

        var taken = selection.Take(long.MaxValue);
        Assert.Equal(RewriteSelection.MostRanges, taken.Count);
        Assert.Equal(RewriteSelection.MostRanges * 8192L, taken[0].Offset);
    }

    private List<DiskRange> Find(long start = 0, bool isLast = false)
    {
        var selection = new RewriteSelection();
        new PageRewrites(new RewriteOptions()).Find(start, _entries.ToArray(), _found.ToArray(), isLast, selection);
        return selection.Take(long.MaxValue);
    }

    private PageRewritesTests Add(int chunk, int plain, int from, int length)
    {
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, [(byte)chunk]);
        _entries.Add(new MapEntry(_end, length * KiB, digest, from * KiB));
        _found.Add(new IndexEntry(digest, 1, (uint)chunk * 1000, plain * KiB, plain * KiB, FrameKind.Chunk));
        _end += length * KiB;
        return this;
    }

    private PageRewritesTests Zero(int length)
    {
        _entries.Add(new MapEntry(_end, length * KiB, ChunkDigest.Zero, 0));
        _found.Add(default);
        _end += length * KiB;
        return this;
    }
}
