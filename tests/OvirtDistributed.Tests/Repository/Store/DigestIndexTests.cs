// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>The index against a dictionary, with bounds so small that tables are written and runs merged all the time.</summary>
public sealed class DigestIndexTests
{
    private static readonly RepositoryStoreOptions Options = TestRepository.Options with { MemoryTableEntries = 500, RunsPerTier = 3 };

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Fact]
    public async Task ManyEntriesOverManyRunsAndMerges_AreFoundWhereTheyWerePutLast()
    {
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        await using var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0);
        var model = new Dictionary<ChunkDigest, (uint Pack, uint Offset)>();
        var random = new Random(5);
        for (var round = 0; round < 80; round++)
        {
            Fill(index, model, random, round);
            await index.WriteTableIfFullAsync(_token);
            if (round % 5 == 0)
            {
                await index.MergeAsync(_token).WithinDeadline();
            }
        }

        await index.WriteTableAsync(_token);
        await index.MergeAsync(_token);
        Check(index, model, random);
        Assert.InRange(index.Totals().Runs, 1, 9);
        Assert.True(index.Totals().Entries >= model.Count);

        await using var reopened = new DigestIndex(storage, await OpenRunsAsync(storage), static _ => true, Options, NullLogger.Instance, 1000);
        Check(reopened, model, random);
    }

    [Fact]
    public async Task NewestEntryIsNotUsable_AnOlderOneIsFound()
    {
        var dead = new HashSet<uint>();
        var storage = new CrashStorage();
        await using var index = new DigestIndex(storage, [], entry => !dead.Contains(entry.Pack), Options, NullLogger.Instance, 0);
        var digest = Digest(1);
        foreach (var pack in new uint[] { 1, 2, 3 })
        {
            index.Add([new IndexEntry(digest, pack, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(pack, 64, 200));
            if (pack < 3)
            {
                await index.WriteTableAsync(_token);
            }
        }

        Assert.Equal(3u, PackOf(index, digest));
        dead.Add(3);
        Assert.Equal(2u, PackOf(index, digest));
        await index.WriteTableAsync(_token);
        await index.MergeAsync(_token);
        Assert.Equal(2u, PackOf(index, digest));
        Assert.Equal(1, index.Totals().Runs);
        dead.Add(2);
        dead.Add(1);
        Assert.Equal(0u, PackOf(index, digest));
    }

    [Fact]
    public async Task WriteFails_NothingIsForgottenAndTheNextWriteHasIt()
    {
        var storage = new CrashStorage { FailAt = 3 };
        await using var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0);
        index.Add([new IndexEntry(Digest(1), 1, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(1, 64, 200));
        await Assert.ThrowsAsync<OvirtDistributed.Repository.RepositoryException>(() => index.WriteTableAsync(_token));
        Assert.True(storage.HasFailed);
        index.Add([new IndexEntry(Digest(2), 2, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(2, 64, 200));
        Assert.Equal(1u, PackOf(index, Digest(1)));
        await index.WriteTableAsync(_token);
        Assert.Equal(2, index.Totals().Runs);
        Assert.Equal(1u, PackOf(index, Digest(1)));
        Assert.Equal(2u, PackOf(index, Digest(2)));
    }

    [Fact]
    public async Task OthersEnterFramesAllTheTime_AWriteEndsWithWhatWasThereBefore()
    {
        const int Most = 20;
        var storage = new CrashStorage();
        await using var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0);
        var entered = 0;
        void Enter() => index.Add([new IndexEntry(Digest(++entered), 1, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(1, 64, 200));

        // The run is read when it is opened, right after it was written.
        storage.BeforeRead = name =>
        {
            if (name.StartsWith(RunFormat.Folder, StringComparison.Ordinal) && entered < Most)
            {
                Enter();
            }
        };
        Enter();
        await index.WriteTableAsync(_token).WithinDeadline();
        Assert.Equal(2, entered);
        Assert.Equal((1, 2L), (index.Totals().Runs, index.Totals().Entries));

        // A table that a failure left comes in addition.
        storage.FailBehindCommitOf = RunFormat.Folder;
        await Assert.ThrowsAsync<OvirtDistributed.Repository.RepositoryException>(() => index.WriteTableAsync(_token));
        Assert.Null(storage.FailBehindCommitOf);
        Enter();
        await index.WriteTableAsync(_token).WithinDeadline();
        Assert.Equal(3, index.Totals().Runs);
        Assert.InRange(entered, 4, Most - 1);
        Assert.All(Enumerable.Range(1, entered), value => Assert.Equal(1u, PackOf(index, Digest(value))));
    }

    [Fact]
    public async Task LookupsBesideMerges_NeverMiss()
    {
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        await using var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0);
        var known = Enumerable.Range(0, 3000).Select(i => Digest(i)).ToArray();
        using var stop = new CancellationTokenSource();
        index.Add([.. known.Select(digest => new IndexEntry(digest, 1, 64, 10, 20, FrameKind.Chunk))], new PackCoverage(1, 64, 200));
        var misses = 0;
        var lookups = Task.Run(
            () =>
            {
                var found = new IndexEntry[known.Length];
                while (!stop.IsCancellationRequested)
                {
                    misses += known.Length - index.Find(known, found);
                }
            },
            CancellationToken.None);
        for (var i = 0; i < 30; i++)
        {
            index.Add([new IndexEntry(Digest(10_000 + i), 1, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(1, 200, 300));
            await index.WriteTableAsync(_token).WithinDeadline();
            await index.MergeAsync(_token).WithinDeadline();
        }

        await stop.CancelAsync();
        await lookups.WithinDeadline();
        Assert.Equal(0, misses);
    }

    [Fact]
    public async Task TableIsWrittenDuringAMerge_ItDoesNotWaitAndStaysNewer()
    {
        using var merging = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        bool IsUsable(IndexEntry entry)
        {
            // Of the entries of one key a merge asks for the newest first.
            if (entry.Pack == 3)
            {
                merging.Set();
                Assert.True(goOn.Wait(TimeSpan.FromSeconds(30), CancellationToken.None));
            }

            return true;
        }

        var storage = new CrashStorage();
        await using var index = new DigestIndex(storage, [], IsUsable, Options, NullLogger.Instance, 0);
        for (var pack = 1u; pack <= 3; pack++)
        {
            index.Add([new IndexEntry(Digest(1), pack, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(pack, 64, 200));
            await index.WriteTableAsync(_token);
        }

        var merge = Task.Run(() => index.MergeAsync(_token), _token);
        Assert.True(merging.Wait(TimeSpan.FromSeconds(30), _token));
        index.Add([new IndexEntry(Digest(1), 4, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(4, 64, 200));
        await index.WriteTableAsync(_token).WithinDeadline();
        Assert.Equal(4, index.RunCount);
        Assert.Equal(4u, PackOf(index, Digest(1)));
        goOn.Set();
        await merge.WithinDeadline();
        Assert.Equal(2, index.RunCount);
        Assert.Equal(4u, PackOf(index, Digest(1)));
        Assert.Equal(["index/0000000000000001-0000000000000003.run", "index/0000000000000004-0000000000000004.run"], (await OpenRunsAsync(storage)).Select(run => run.Name));
    }

    [Fact]
    public async Task DamagedRun_IsLeftOutOfMerges_AndRemovedAtTheEndSoThatItIsRebuilt()
    {
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        var damaged = RunFormat.NameOf(2, 2);
        await using (var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0))
        {
            for (var run = 1u; run <= 8; run++)
            {
                index.Add([new IndexEntry(Digest((int)run), run, 64, 10, 20, FrameKind.Chunk)], new PackCoverage(run, 64, 200));
                index.Add([new IndexEntry(Digest(0), run, 300, 10, 20, FrameKind.Chunk)], new PackCoverage(run, 200, 400));
                await index.WriteTableAsync(_token);
            }

            // Behind its opening, as a disk goes bad: the mapping sees it.
            await using (var file = new FileStream(directory.File(damaged), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                file.Position = RunFormat.HeaderLength;
                file.WriteByte(0xFF);
            }

            await index.MergeAsync(_token).WithinDeadline();
            await index.MergeAsync(_token).WithinDeadline();

            // The one in front of it stays alone, the six behind it are two, and newer entries win.
            Assert.Equal(4, index.RunCount);
            Assert.Equal(8u, PackOf(index, Digest(0)));
            Assert.All(Enumerable.Range(3, 6), run => Assert.Equal((uint)run, PackOf(index, Digest(run))));
            Assert.True(File.Exists(directory.File(damaged)));
        }

        Assert.False(File.Exists(directory.File(damaged)));
    }

    [Fact]
    public async Task FilterIsLongerThanTheWritersBuffer_EveryKeyIsFound()
    {
        // More than 48 keys a block, 16,384 blocks a buffer; keys at both ends, and some that share their first half.
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        await using var index = new DigestIndex(storage, [], static _ => true, Options, NullLogger.Instance, 0);
        var digests = Enumerable.Range(0, 850_000).Select(Uniform).ToArray();
        for (var i = 0; i < 200; i++)
        {
            digests[i] = Key(i < 50 ? 0 : i < 100 ? ulong.MaxValue : 0x7777777777777777, (ulong)i);
        }

        index.Add(Array.ConvertAll(digests, digest => new IndexEntry(digest, 1, 64, 10, 20, FrameKind.Chunk)), new PackCoverage(1, 64, 200));
        await index.WriteTableAsync(_token);
        Assert.Equal(digests.Length, index.Find(digests, new IndexEntry[digests.Length]));
        var run = Assert.Single(await OpenRunsAsync(storage));
        run.Prove();
        var falsePositives = Enumerable.Range(1_000_000, 100_000).Count(i => run.MayContain(Uniform(i)));
        run.Release();
        Assert.InRange(falsePositives, 100, 2_000);
    }

    private static ChunkDigest Uniform(int value) => Key(Multiplied(value, 0x9E3779B97F4A7C15), Multiplied(value, 0xBF58476D1CE4E5B9));

    private static ulong Multiplied(int value, ulong factor)
    {
        var mixed = ((ulong)value + 1) * factor;
        mixed = (mixed ^ (mixed >> 31)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 29);
    }

    private static ChunkDigest Key(ulong high, ulong low)
    {
        var bytes = new byte[ChunkDigest.Size];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes, high);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), low);
        return new ChunkDigest(bytes);
    }

    private static uint PackOf(DigestIndex index, ChunkDigest digest) => index.TryFind(digest, out var entry) ? entry.Pack : 0;

    private static ChunkDigest Digest(int value) => ContentKeys.Plain.Compute(FrameKind.Chunk, BitConverter.GetBytes(value));

    private static void Fill(DigestIndex index, Dictionary<ChunkDigest, (uint Pack, uint Offset)> model, Random random, int round)
    {
        var entries = new List<IndexEntry>();
        for (var i = 0; i < 400; i++)
        {
            var digest = Digest(random.Next(40_000));
            var place = ((uint)round + 1, (uint)(64 + (i * 100)));
            model[digest] = place;
            entries.Add(new IndexEntry(digest, place.Item1, place.Item2, 12, 34, FrameKind.Chunk));
        }

        index.Add(entries.ToArray(), new PackCoverage((uint)round + 1, 64, 100_000));
    }

    private static void Check(DigestIndex index, Dictionary<ChunkDigest, (uint Pack, uint Offset)> model, Random random)
    {
        var digests = model.Keys.ToArray();
        var found = new IndexEntry[digests.Length];
        Assert.Equal(digests.Length, index.Find(digests, found));
        for (var i = 0; i < digests.Length; i++)
        {
            Assert.Equal(model[digests[i]], (found[i].Pack, found[i].Offset));
            Assert.Equal((12, 34, FrameKind.Chunk), (found[i].StoredLength, found[i].PlainLength, found[i].Kind));
        }

        var strangers = Enumerable.Range(0, 5000).Select(i => Digest(1_000_000 + random.Next(1_000_000))).ToArray();
        Assert.Equal(0, index.Find(strangers, new IndexEntry[strangers.Length]));
    }

    private async Task<List<IndexRun>> OpenRunsAsync(IStorageBackend storage)
    {
        var names = new List<string>();
        await foreach (var item in storage.ListAsync("index", _token))
        {
            names.Add(item.Name);
        }

        var runs = new List<IndexRun>();
        foreach (var name in names.Order(StringComparer.Ordinal))
        {
            runs.Add(await IndexRun.OpenAsync(storage, name, _token));
        }

        return runs;
    }
}
