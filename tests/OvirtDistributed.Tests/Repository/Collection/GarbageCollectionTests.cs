// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

public sealed class GarbageCollectionTests : IAsyncDisposable
{
    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task WhatOnlyARemovedPointReached_IsGivenBack_AndTheRestStaysBitForBit()
    {
        var disk = NewDisk();
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        disk.TakeDirty();
        disk.Fill(0, 6 << 20, 50, compressible: false);
        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token);
        var before = PackBytes();
        Assert.Equal(0, (await store.CollectAsync(AtOnce, null, _token)).RemovedPacks);

        await store.RemovePointAsync("point-job-0", _token);
        var report = await store.CollectAsync(AtOnce, null, _token);

        Assert.True(report.RemovedPacks >= 4, report.ToString());
        Assert.True(PackBytes() < before - (4 << 20), $"{before} bytes before, {PackBytes()} after");
        Assert.Equal(1, report.Points);
        Assert.Empty(report.Problems);
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job-1", _token));
        Assert.Empty((await store.VerifyAsync(null, null, _token)).Damages);
        Assert.Equal(0, (await store.CollectAsync(AtOnce, null, _token)).RemovedPacks);
    }

    [Fact]
    public async Task EmptyRepository_LosesEverything()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-0", _token);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        await reopened.CollectAsync(AtOnce, null, _token);
        Assert.Empty(Packs());
        Assert.Empty(_storage.Names("tombstones"));

        // And takes the same data again.
        await reopened.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-1", _token));
    }

    [Fact]
    public async Task AHalfUsedPack_IsRewritten_EncryptedFramesAsTheyAre()
    {
        var key = RepositoryKey.Generate();
        var keys = ContentKeys.Of(key);
        var disk = NewDisk();
        await using var store = await TestRepository.CreateAsync(_storage, _token, TestRepository.Parameters() with { Encryption = key.Describe() });
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token, keys);
        disk.TakeDirty();
        for (var at = 0; at < disk.Size - (1 << 20); at += 1 << 20)
        {
            disk.Fill(at, 700_000, 1000 + at, compressible: false);
        }

        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token, keys);
        await store.RemovePointAsync("point-job-0", _token);
        var report = await store.CollectAsync(AtOnce, null, _token);
        Assert.True(report.RewrittenPacks > 0, report.ToString());
        Assert.True(report.CopiedBytes < report.RewrittenPackBytes * 0.6);
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job-1", _token, keys));
        Assert.Empty((await store.VerifyAsync(null, null, _token)).Damages);
    }

    [Fact]
    public async Task DryRun_TellsWhatWouldGoAndChangesNothing()
    {
        var disk = NewDisk();
        await using (var first = await TestRepository.CreateAsync(_storage, _token))
        {
            await first.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            await first.RemovePointAsync("point-job-0", _token);
        }

        await using var store = await TestRepository.OpenAsync(_storage, _token);
        var before = _storage.Names("");
        var dry = await store.CollectAsync(AtOnce with { DryRun = true }, null, _token);
        Assert.True(dry.DryRun);
        Assert.True(dry.DeadPacks > 0);
        Assert.Equal(before, _storage.Names(""));
        var real = await store.CollectAsync(AtOnce, null, _token);
        Assert.Equal(dry.DeadPacks, real.DeadPacks);
        Assert.Equal(dry.DeadBytes, real.RemovedBytes);
    }

    [Fact]
    public async Task UntilItsGraceIsOver_APackStays_AlsoAcrossARestart_ButCountsNoMore()
    {
        var time = new SteppingClock();
        var disk = NewDisk();
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, [1]);
        await using (var store = await OpenAsync(time, create: true))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            digest = (await ChunksAsync(store, "point-job-0"))[0];
            await store.RemovePointAsync("point-job-0", _token);
            var report = await store.CollectAsync(new GcOptions(), null, _token);
            Assert.Equal(0, report.RemovedPacks);
            Assert.Equal(report.DeadPacks, report.WaitingPacks);
        }

        var packs = Packs().Count;
        await using var reopened = await OpenAsync(time, create: false);
        Assert.Equal(packs, Packs().Count);
        await using (var session = await reopened.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, disk), _token))
        {
            Assert.Equal(0, session.Have([digest], new byte[1]));
        }

        time.Advance(TimeSpan.FromHours(23));
        Assert.Equal(0, (await reopened.CollectAsync(new GcOptions(), null, _token)).RemovedPacks);
        time.Advance(TimeSpan.FromHours(2));
        Assert.True((await reopened.CollectAsync(new GcOptions(), null, _token)).RemovedPacks > 0);
    }

    [Fact]
    public async Task WhatAnOpenSessionWasToldItHas_Stays()
    {
        var disk = NewDisk();
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        var chunks = await ChunksAsync(store, "point-job-0");
        await store.RemovePointAsync("point-job-0", _token);
        await using (var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, disk), _token))
        {
            // Every chunk is there, so none is sent; then comes garbage collection; then the commit.
            Assert.Equal(chunks.Length, session.Have(chunks, new byte[(chunks.Length + 7) / 8]));
            var report = await store.CollectAsync(AtOnce, null, _token);
            Assert.True(report.BusyPacks > 0);
            await using var writer = new TestWriter(store, session);
            var root = await writer.WriteAsync(disk, disk.DataExtents(), _token);
            Assert.Equal(0, writer.ChunksSent);
            await store.CommitAsync(new CommitRequest { Manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root, "task-1")) }, _token);
        }

        await store.CollectAsync(AtOnce, null, _token);
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job-1", _token));
    }

    [Fact]
    public async Task BetweenTheEndOfASessionAndItsCommit_ItsJournalKeepsWhatItWrote()
    {
        var disk = NewDisk();
        DiskRoot root;
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, disk), _token);
            await using var writer = new TestWriter(store, session);
            root = await writer.WriteAsync(disk, disk.DataExtents(), _token);
        }

        // The process was restarted: nobody pins anything any more.
        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var report = await reopened.CollectAsync(AtOnce, null, _token);
        Assert.Equal(1, report.Journals);
        Assert.Equal(0, report.RemovedPacks);
        await reopened.CommitAsync(new CommitRequest { Manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root, "task-1")) }, _token);
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-1", _token));
    }

    [Fact]
    public async Task ATombstoneThatFailedAndIsThere_TakesNothingThatABackupReliesOnMeanwhile()
    {
        var disk = NewDisk();
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        await store.RemovePointAsync("point-job-0", _token);
        _storage.FailBehindPutOf = "tombstones/";
        await Assert.ThrowsAsync<RepositoryException>(() => store.CollectAsync(AtOnce, null, _token));
        Assert.Null(_storage.FailBehindPutOf);

        // The same data again: what the pack holds would do, if it still counted.
        await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);

        await using var storage = _storage.Reboot(Tail.Lost);
        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        Assert.Empty((await reopened.CollectAsync(AtOnce, null, _token)).Problems);
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-1", _token));
    }

    [Fact]
    public async Task AnAbandonedAttempt_IsGivenBack()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await using (var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, disk), _token))
            {
                await using var writer = new TestWriter(store, session);
                await writer.WriteAsync(disk, disk.DataExtents(), _token);
            }

            await store.AbandonTaskAsync("task-1", _token);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        await reopened.CollectAsync(AtOnce, null, _token);
        Assert.Empty(Packs());
    }

    [Fact]
    public async Task AMapThatCannotBeFollowed_StopsTheSweepAndIsNamed()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            disk.Fill(0, 100_000, 9);
            await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-0", _token);
            await using var session = await store.OpenReadSessionAsync("point-job-1", _token);
            Damage(session.Manifest.Disks[0].Root.Digest);
        }

        var before = Packs();
        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var report = await reopened.CollectAsync(AtOnce, null, _token);
        Assert.Contains("point-job-1", Assert.Single(report.Problems), StringComparison.Ordinal);
        Assert.Equal(before, Packs());
    }

    [Fact]
    public async Task ARunOfTheIndexGoesBadWhileItIsOpen_NothingIsSweptAndTheFileIsNamed_UntilItIsRebuilt()
    {
        var disk = NewDisk();
        using var directory = new TemporaryDirectory();
        await using var storage = LocalStorage.Open(directory.Path);
        string run;
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            await store.RemovePointAsync("point-job-0", _token);
            run = Path.GetRelativePath(directory.Path, Directory.GetFiles(directory.File("index")).Order(StringComparer.Ordinal).First());

            // Behind its opening, as a disk goes bad: the mapping sees it. The last byte before the trailer is of the coverage, which no look-up reads.
            await using (var file = new FileStream(directory.File(run), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete))
            {
                file.Position = file.Length - RunFormat.TrailerLength - 1;
                file.WriteByte(0xFF);
            }

            foreach (var options in new[] { AtOnce with { DryRun = true }, AtOnce, AtOnce })
            {
                var report = await store.CollectAsync(options, null, _token).WithinDeadline();
                Assert.Contains(run, Assert.Single(report.Problems), StringComparison.Ordinal);
                Assert.Equal((0, 0, 0), (report.Packs, report.DeadPacks, report.RemovedPacks));
            }
        }

        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        var after = await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline();
        Assert.Empty(after.Problems);
        Assert.True(after.RemovedPacks > 0);
    }

    [Fact]
    public async Task ThePlaceThatTheIndexNamesHasGoneBad_AnotherCopyIsKeptAndFoundFromThenOn()
    {
        // Two copies of everything: the packs of the first backup were away during the second.
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        }

        var first = Packs().ToDictionary(pack => pack, _storage.Read);
        foreach (var pack in first.Keys)
        {
            _storage.Remove(pack);
        }

        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
            Damage((await ChunksAsync(store, "point-job-1"))[3]);
        }

        foreach (var (pack, content) in first)
        {
            _storage.Write(pack, content);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var report = await reopened.CollectAsync(AtOnce, null, _token).WithinDeadline();
        Assert.Empty(report.Problems);
        Assert.True(report.RemovedPacks > 4, report.ToString());
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-1", _token));
        Assert.Equal(disk.Content, await reopened.RestoreAsync("point-job-0", _token));
    }

    [Fact]
    public async Task WhatIsDamaged_IsForgottenWithItsPack()
    {
        var disk = NewDisk();
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
            Damage((await ChunksAsync(store, "point-job-0"))[3]);
        }

        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            Assert.NotEmpty((await store.VerifyAsync(null, null, _token)).Damages);
            await store.RemovePointAsync("point-job-0", _token);
            await store.CollectAsync(AtOnce, null, _token);
            Assert.Equal(0, store.GetStatistics().DamagedFrames);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        Assert.Equal(0, reopened.GetStatistics().DamagedFrames);
        await reopened.BackUpAsync("job-1", disk, disk.DataExtents(), null, _token);
        Assert.Empty((await reopened.VerifyAsync(null, null, _token)).Damages);
    }

    [Fact]
    public async Task WithFarTooLittleMemory_MoreStays_NeverLess()
    {
        var disk = NewDisk();
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        disk.TakeDirty();
        disk.Fill(0, 6 << 20, 50, compressible: false);
        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token);
        await store.RemovePointAsync("point-job-0", _token);
        await store.CollectAsync(AtOnce with { MarkBytes = 4096 }, null, _token);
        Assert.Equal(disk.Content, await store.RestoreAsync("point-job-1", _token));
    }

    [Fact]
    public async Task OneRoundAtATime_AndOptionsThatMakeSense()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await Assert.ThrowsAsync<RepositoryException>(() => store.CollectAsync(AtOnce with { RewriteBelow = 1.5 }, null, _token));
        await Assert.ThrowsAsync<RepositoryException>(() => store.CollectAsync(AtOnce with { Grace = TimeSpan.FromHours(-1) }, null, _token));
        var rounds = Enumerable.Range(0, 8).Select(_ => Task.Run(() => store.CollectAsync(AtOnce, null, _token))).ToList();
        await Task.WhenAll(rounds.Select(round => round.ContinueWith(_ => { }, TaskScheduler.Default)));
        Assert.Contains(rounds, round => round.IsCompletedSuccessfully);
        Assert.All(rounds.Where(round => round.IsFaulted), round => Assert.Equal(RepositoryError.Busy, Assert.IsType<RepositoryException>(round.Exception!.InnerException).Error));
    }

    private static TestDisk NewDisk() => new TestDisk(8 << 20).Fill(0, 8 << 20, 7, compressible: false);

    private async Task<RepositoryStore> OpenAsync(TimeProvider time, bool create)
    {
        if (create)
        {
            await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(), _token);
        }

        return await RepositoryStore.OpenAsync(_storage, TestRepository.Options with { FlushDelay = TimeSpan.Zero }, time, NullLogger<RepositoryStore>.Instance, _token);
    }

    private List<string> Packs() => _storage.Names("packs").FindAll(name => name.EndsWith(".pack", StringComparison.Ordinal));

    private long PackBytes() => Packs().Sum(pack => (long)_storage.Read(pack).Length);

    /// <summary>Flips a bit in the payload of the frame of this digest.</summary>
    private void Damage(ChunkDigest digest)
    {
        foreach (var pack in Packs())
        {
            var content = _storage.Read(pack);
            var at = content.AsSpan().IndexOf(digest.ToArray());
            if (at >= 16 && FrameHeader.TryRead(content.AsSpan(at - 16), out var header))
            {
                content[at - 16 + FrameHeader.Size + (header.StoredLength / 2)] ^= 1;
                _storage.Write(pack, content);
                return;
            }
        }

        Assert.Fail($"no frame of {digest}");
    }

    private async Task<ChunkDigest[]> ChunksAsync(RepositoryStore store, string pointId)
    {
        await using var session = await store.OpenReadSessionAsync(pointId, _token);
        var root = session.Manifest.Disks[0].Root;
        using var walker = new OvirtDistributed.Repository.Reading.MapWalker(root, session, store.Keys);
        var chunks = new List<ChunkDigest>();
        await foreach (var piece in walker.WalkAsync(new DiskRange(0, root.DiskSize), _token))
        {
            if (!piece.Digest.IsZero)
            {
                chunks.Add(piece.Digest);
            }
        }

        return [.. chunks.Distinct()];
    }

    private sealed class SteppingClock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

        public void Advance(TimeSpan by) => _now += by;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
