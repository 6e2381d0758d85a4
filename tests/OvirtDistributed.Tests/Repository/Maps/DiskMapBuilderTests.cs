// SPDX-License-Identifier: Apache-2.0
using FsCheck.Fluent;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Maps;

/// <summary>Maps against a model: the bytes of the disk themselves.</summary>
public sealed class DiskMapBuilderTests
{
    private const int Unit = 512;
    private const int MaxChunk = 96 * 1024;

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public void AnyHistoryOfWritesTrimsAndGrowth_EveryMapReadsAsItsDisk() =>
        Prop.ForAll<int, byte>((seed, rounds) => RunHistoryAsync(seed, 1 + (rounds % 4)).GetAwaiter().GetResult())
            .Holds(runs: 25);

    [Fact]
    public async Task RangesOutOfOrder_GiveTheSameRoot()
    {
        var disk = new TestDisk(50 << 20).Fill(0, 1 << 20, 1).Fill((16 << 20) - 65536, 4 << 20, 2).Fill(48 << 20, 1 << 20, 3);
        var roots = new HashSet<DiskRoot>();
        foreach (var seed in new[] { 0, 1, 2 })
        {
            var frames = new MemoryFrames();
            roots.Add(await BuildAsync(frames, disk, disk.DataExtents(), null, [], new Random(seed), seed > 0).WithinDeadline());
        }

        Assert.Single(roots);
    }

    [Fact]
    public async Task AttemptThatStopped_NextOneTakesItsPagesAndGetsTheSameRoot()
    {
        var disk = new TestDisk(80 << 20).Fill(0, 70 << 20, 1, compressible: false);
        var frames = new MemoryFrames();
        var expected = await BuildAsync(frames, disk, disk.DataExtents(), null, [], new Random(1), shuffle: false).WithinDeadline();
        var taken = frames.Pages.Take(2).ToArray();
        var second = new MemoryFrames();
        var builder = await CreateAsync(second, disk.Size, null, taken);
        Assert.True(builder.IsPageCompleted(0));
        var remaining = builder.Remaining(new DiskRange(1 << 20, 69 << 20)).ToList();
        Assert.Equal([new DiskRange(32 << 20, 38 << 20)], remaining);
        Assert.Equal(expected, await BuildAsync(second, disk, disk.DataExtents(), null, taken, new Random(1), shuffle: false).WithinDeadline());
        Assert.DoesNotContain(second.Pages, page => page.PageIndex < 2);
    }

    [Fact]
    public async Task NothingDirty_RootStaysAndNothingIsWritten()
    {
        var disk = new TestDisk(70 << 20).Fill(0, 3 << 20, 1).Fill(60 << 20, 1 << 20, 2);
        var frames = new MemoryFrames();
        var root = await BuildAsync(frames, disk, disk.DataExtents(), null, [], new Random(1), shuffle: false).WithinDeadline();
        var writes = frames.Writes;
        Assert.Equal(root, await BuildAsync(frames, disk, [], root, [], new Random(1), shuffle: false).WithinDeadline());
        Assert.Equal(writes, frames.Writes);
    }

    [Fact]
    public async Task HugeSparseDisk_CostsOneNodePerTouchedPart()
    {
        const long Size = 4L << 40;
        var frames = new MemoryFrames();
        var chunk = frames.PutChunk(new byte[] { 1, 2, 3 });
        var builder = await CreateAsync(frames, Size, null, []);
        builder.Declare(new DiskRange(Size - 4096, 3));
        builder.AddData(new DiskRange(Size - 4096, 3), chunk, 0);
        var root = await builder.FinishAsync(_token).WithinDeadline();
        Assert.Equal(2, root.Levels);
        Assert.Equal(3, frames.Writes);
        var reader = new DiskImageReader(root, frames, ContentKeys.Plain, new DiskImageReaderOptions());
        var ranges = new List<ImageRange>();
        await foreach (var range in reader.ListRangesAsync(new DiskRange(0, Size), _token))
        {
            ranges.Add(range);
        }

        Assert.Equal([new(0, Size - 4096, true), new(Size - 4096, 3, false), new(Size - 4093, 4093, true)], ranges);
    }

    [Fact]
    public async Task DiskOfZeros_HasTheReservedRoot()
    {
        var frames = new MemoryFrames();
        var builder = await CreateAsync(frames, 40 << 20, null, []);
        builder.Declare(new DiskRange(0, 40 << 20));
        builder.AddZero(new DiskRange(0, 40 << 20));
        Assert.Equal(new DiskRoot(ChunkDigest.Zero, 1, 40 << 20), await builder.FinishAsync(_token).WithinDeadline());
        Assert.Equal(0, frames.Writes);
        Assert.Equal(new DiskRoot(ChunkDigest.Zero, 0, 0), await (await CreateAsync(frames, 0, null, [])).FinishAsync(_token).WithinDeadline());
    }

    [Fact]
    public async Task WrongUse_IsRefusedWithTheRange()
    {
        var frames = new MemoryFrames();
        var chunk = frames.PutChunk(new byte[8192]);
        var builder = await CreateAsync(frames, 40 << 20, null, []);
        builder.Declare(new DiskRange(4096, 8192));
        Refused(() => builder.Declare(new DiskRange(8192, 4096)), "8192");
        Refused(() => builder.AddData(new DiskRange(20 << 20, 4096), chunk, 0), "declared");
        Refused(() => builder.AddData(new DiskRange(40 << 20, 4096), chunk, 0), "outside");
        Refused(() => builder.AddData(new DiskRange(4096, 4096), chunk, -1), "part");
        builder.AddData(new DiskRange(4096, 4096), chunk, 0);
        var unfinished = await Assert.ThrowsAsync<RepositoryException>(() => builder.FinishAsync(_token).WithinDeadline());
        Assert.Contains("page 0", unfinished.Message, StringComparison.Ordinal);
        builder.AddData(new DiskRange(4096, 4096), chunk, 4096);
        var overlap = await Assert.ThrowsAsync<RepositoryException>(() => builder.FinishAsync(_token).WithinDeadline());
        Assert.Contains("overlap", overlap.Message, StringComparison.Ordinal);
    }

    private static void Refused(Action action, string names)
    {
        var error = Assert.Throws<RepositoryException>(action);
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
        Assert.Contains(names, error.Message, StringComparison.Ordinal);
    }

    private async Task RunHistoryAsync(int seed, int rounds)
    {
        var random = new Random(seed);
        var frames = new MemoryFrames();
        var disk = new TestDisk(random.Next(1, 70_000) * (long)Unit);
        DiskRoot? root = null;
        for (var round = 0; round <= rounds; round++)
        {
            for (var i = random.Next(6); i > 0; i--)
            {
                var offset = random.NextInt64(disk.Size);
                var length = (int)Math.Min(random.Next(1, 700_000), disk.Size - offset);
                _ = random.Next(3) == 0 ? disk.Zero(offset, length) : disk.Fill(offset, length, random.Next());
            }

            if (random.Next(4) == 0)
            {
                disk.Grow(disk.Size + (random.Next(30_000) * (long)Unit));
            }

            var dirty = disk.TakeDirty();
            root = await BuildAsync(frames, disk, root is null ? disk.DataExtents() : dirty, root, [], random, shuffle: true).WithinDeadline();
            await CheckAsync(frames, disk, root.Value).WithinDeadline();
        }
    }

    private async Task CheckAsync(MemoryFrames frames, TestDisk disk, DiskRoot root)
    {
        var reader = new DiskImageReader(root, frames, ContentKeys.Plain, new DiskImageReaderOptions { SegmentBytes = 1 << 20 });
        var content = await TestRepository.ReadAsync(reader, new DiskRange(0, disk.Size), _token);
        Assert.True(disk.Content.AsSpan().SequenceEqual(content));
    }

    private Task<DiskMapBuilder> CreateAsync(MemoryFrames frames, long size, DiskRoot? root, PageDigest[] completed) => DiskMapBuilder.CreateAsync(
        new DiskMapPlan { DiskSize = size, Base = root, CompletedPages = completed }, frames, ContentKeys.Plain, new FrameEncoder(CompressionProfile.Fast, ContentKeys.Plain), frames, _token);

    private async Task<DiskRoot> BuildAsync(
        MemoryFrames frames, TestDisk disk, List<DiskRange> extents, DiskRoot? root, PageDigest[] completed, Random random, bool shuffle)
    {
        var builder = await CreateAsync(frames, disk.Size, root, completed);
        var pieces = new List<DiskRange>();
        foreach (var extent in extents)
        {
            builder.Declare(extent);
            for (var offset = extent.Offset; offset < extent.End; offset += MaxChunk)
            {
                pieces.Add(new DiskRange(offset, Math.Min(MaxChunk, extent.End - offset)));
            }
        }

        builder.DeclaredThrough(disk.Size);
        var order = pieces.ToArray();
        if (shuffle)
        {
            random.Shuffle(order);
        }

        foreach (var piece in order)
        {
            var plain = disk.Content.AsSpan((int)piece.Offset, (int)piece.Length);
            if (plain.ContainsAnyExcept((byte)0))
            {
                builder.AddData(piece, frames.PutChunk(plain), 0);
            }
            else
            {
                builder.AddZero(piece);
            }

            if (random.Next(10) == 0)
            {
                await builder.FlushAsync(_token);
            }
        }

        return await builder.FinishAsync(_token);
    }
}
