// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Rewriting;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Rewriting;

/// <summary>A disk of which a little changes every day, the last points kept: what a restore reads and what the repository holds stay bounded.</summary>
public sealed class RewritingTests(ITestOutputHelper output)
{
    private const int DiskBytes = 24 << 20;
    private const int Days = 36;
    private const int KeptPoints = 4;

    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task DailyChangesOfThreePercent_GarbageAndReadAmplificationStayBounded()
    {
        var with = await RunAsync(new RewriteOptions { MostBytesAtLeast = 0 });
        var without = await RunAsync(new RewriteOptions { MostBytesAtLeast = 0, MostOfDisk = 0 });

        output.WriteLine($"with:    {with}");
        output.WriteLine($"without: {without}");
        Assert.Equal(0, without.Rewritten);
        Assert.True(without.Amplification > 1.3, without.ToString());
        Assert.True(with.Amplification < 1.25, with.ToString());

        // Up to 40 % stay in packs that garbage collection finds not worth a rewrite.
        Assert.True(with.Garbage < 0.5 && with.Garbage < 0.7 * without.Garbage, $"{with}, {without}");
        Assert.True(with.PackBytes < 0.9 * without.PackBytes, $"{with}, {without}");

        // Each day at most 5 % of the data.
        Assert.InRange(with.Rewritten, 1, Days * DiskBytes / 20);
    }

    [Fact]
    public async Task AFullBackup_HasNothingToWriteAnew_AndOnlyWhoAsksIsTold()
    {
        var disk = new TestDisk(DiskBytes).Fill(0, DiskBytes, 1, compressible: false);
        await using var storage = new CrashStorage();
        await using var store = await TestRepository.CreateAsync(storage, _token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        disk.TakeDirty();
        await using (var first = await store.OpenWriteSessionAsync(RequestOf(disk, "task-a", "point-job-0"), _token))
        {
            Assert.Empty(first.RewriteRanges);
        }

        Scatter(disk, 400, seed: 5);
        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token);
        await using (var second = await store.OpenWriteSessionAsync(RequestOf(disk, "task-b", "point-job-1"), _token))
        {
            Assert.NotEmpty(second.RewriteRanges);
        }

        await using var silent = await store.OpenWriteSessionAsync(TestRepository.Request("task-c", 1, disk, "point-job-1"), _token);
        Assert.Empty(silent.RewriteRanges);
    }

    [Fact]
    public async Task OnlyPagesThatChangedSinceTheEarlierMap_AreLookedAt()
    {
        var disk = new TestDisk(5L << 24).Fill(0, 5 << 24, 1);
        await using var storage = new CrashStorage();
        await using var store = await TestRepository.CreateAsync(storage, _token, TestRepository.Parameters(packSize: 16 << 20));
        var first = (await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token)).Root;
        disk.TakeDirty();
        disk.Fill((3 << 24) + 65536, 65536, 2);
        var second = (await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token)).Root;

        Assert.Equal(1, await SeenAsync(second, first, new RewriteOptions()));
        Assert.Equal(0, await SeenAsync(second, second, new RewriteOptions()));
        Assert.Equal(5, await SeenAsync(second, null, new RewriteOptions()));

        async Task<long> SeenAsync(DiskRoot root, DiskRoot? before, RewriteOptions options)
        {
            await using var session = await store.OpenReadSessionAsync("point-job-1", _token);
            using var planner = new RewritePlanner(store.Index, session, ContentKeys.Plain, options);
            await planner.PlanAsync(root, before, _token);
            return planner.PagesSeen;
        }
    }

    [Fact]
    public async Task DamagedMap_IsNoReasonToRefuseTheBackup()
    {
        var disk = new TestDisk(DiskBytes).Fill(0, DiskBytes, 1, compressible: false);
        await using var storage = new CrashStorage();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            disk.TakeDirty();
            Scatter(disk, 200, seed: 5);
            await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token);
        }

        foreach (var pack in storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)))
        {
            storage.Remove(pack);
        }

        await using var reopened = await TestRepository.OpenAsync(storage.Reboot(Tail.Kept), _token);
        await using var session = await reopened.OpenWriteSessionAsync(RequestOf(disk, "task-b", "point-job-1"), _token).WithinDeadline();
        Assert.Empty(session.RewriteRanges);
    }

    private static WriteSessionRequest RequestOf(TestDisk disk, string task, string basePoint) =>
        TestRepository.Request(task, 1, disk, basePoint) with { WantsRewrites = true };

    private static void Scatter(TestDisk disk, int blocks, int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < blocks; i++)
        {
            disk.Fill(random.NextInt64(disk.Size / TestDisk.Block) * TestDisk.Block, TestDisk.Block, random.Next(), compressible: false);
        }
    }

    private async Task<Outcome> RunAsync(RewriteOptions options)
    {
        var disk = new TestDisk(DiskBytes).Fill(0, DiskBytes, 1, compressible: false);
        await using var storage = new CrashStorage();
        await RepositoryStore.CreateAsync(storage, TestRepository.Parameters(), _token);
        await using var store = await TestRepository.OpenAsync(storage, _token, TestRepository.Options with { Rewriting = options });
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        disk.TakeDirty();
        var rewritten = 0L;
        for (var day = 1; day <= Days; day++)
        {
            Scatter(disk, (int)(disk.Size / TestDisk.Block * 3 / 100), seed: day);
            rewritten += await BackUpAsync(store, disk, day);
            if (day >= KeptPoints)
            {
                await store.RemovePointAsync($"point-job-{day - KeptPoints}", _token);
            }

            await store.CollectAsync(AtOnce, null, _token).WithinDeadline();
        }

        Assert.Equal(disk.Content, await store.RestoreAsync($"point-job-{Days}", _token).WithinDeadline());
        Assert.Empty((await store.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
        return await MeasureAsync(store, rewritten);
    }

    /// <returns>Bytes read though they had not changed.</returns>
    private async Task<long> BackUpAsync(RepositoryStore store, TestDisk disk, int day)
    {
        var basePoint = $"point-job-{day - 1}";
        await using var session = await store.OpenWriteSessionAsync(RequestOf(disk, $"task-{day}", basePoint), _token).WithinDeadline();
        var dirty = disk.TakeDirty();
        var extents = Union(dirty, session.RewriteRanges);
        await using var writer = new TestWriter(store, session);
        var root = await writer.WriteAsync(disk, extents, _token).WithinDeadline();
        await store.CommitAsync(
            new CommitRequest { Manifest = TestWriter.Manifest($"job-{day}", TestWriter.Disk(root, $"task-{day}", basePoint)) }, _token).WithinDeadline();
        return extents.Sum(range => range.Length) - dirty.Sum(range => range.Length);
    }

    private static List<DiskRange> Union(IEnumerable<DiskRange> left, IEnumerable<DiskRange> right)
    {
        var joined = new List<DiskRange>();
        foreach (var range in left.Concat(right).OrderBy(range => range.Offset))
        {
            if (joined.Count > 0 && joined[^1].End >= range.Offset)
            {
                joined[^1] = joined[^1] with { Length = Math.Max(joined[^1].End, range.End) - joined[^1].Offset };
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }

    private async Task<Outcome> MeasureAsync(RepositoryStore store, long rewritten)
    {
        await using var session = await store.OpenReadSessionAsync($"point-job-{Days}", _token);
        var root = session.Manifest.Disks[0].Root;
        var counted = new CountingSource(session);
        await TestRepository.ReadAsync(new DiskImageReader(root, counted, store.Keys, new DiskImageReaderOptions()), new DiskRange(0, root.DiskSize), _token);
        var needed = new Dictionary<(ChunkDigest, int), int>();
        var (entries, live) = (0, 0L);
        for (var kept = Days - KeptPoints + 1; kept <= Days; kept++)
        {
            // Content that any kept point uses: pieces of 4 KiB of chunks.
            await using var each = await store.OpenReadSessionAsync($"point-job-{kept}", _token);
            using var walker = new MapWalker(each.Manifest.Disks[0].Root, each, store.Keys);
            await foreach (var piece in walker.WalkAsync(new DiskRange(0, root.DiskSize), _token))
            {
                entries += kept == Days && !piece.IsZero ? 1 : 0;
                for (var at = piece.ChunkOffset; !piece.IsZero && at < piece.ChunkOffset + piece.Length; at += 4096)
                {
                    live += needed.TryAdd((piece.Digest, at), 0) ? 4096 : 0;
                }
            }
        }

        var packs = store.GetStatistics().PackBytes;
        return new Outcome(packs, (packs - live) / (double)live, counted.PlainBytes / (double)root.DiskSize, (int)(root.DiskSize / entries), rewritten);
    }

    private sealed record Outcome(long PackBytes, double Garbage, double Amplification, int AverageFragment, long Rewritten);

    /// <summary>Counts the content bytes of the chunks that a reader fetched.</summary>
    private sealed class CountingSource(IFrameSource source) : IFrameSource
    {
        private long _plainBytes;

        public long PlainBytes => Interlocked.Read(ref _plainBytes);

        public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
        {
            var batch = await source.FetchAsync(digests, cancellationToken);
            for (var i = 0; i < batch.Count; i++)
            {
                var header = FrameHeader.Read(batch[i].Span);
                Interlocked.Add(ref _plainBytes, header.Kind == FrameKind.Chunk ? header.PlainLength : 0);
            }

            return batch;
        }
    }
}
