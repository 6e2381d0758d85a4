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
        Assert.Equal(0, (await reopened.CollectAsync(AtOnce, null, _token)).WaitingPacks);
        Assert.Empty(Packs());

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

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public async Task StorageBelowItsReserve_IsGivenRoomAgain(int freeMiB)
    {
        var disk = NewDisk();
        await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(), _token);
        await using var store = await TestRepository.OpenAsync(_storage, _token, TestRepository.Options with { ReserveBytes = 8 << 20 });
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token);
        disk.TakeDirty();
        disk.Fill(0, 2 << 20, 71, compressible: false);
        for (var at = 4 << 20; at < disk.Size - (1 << 20); at += 1 << 20)
        {
            disk.Fill(at, 700_000, 1000 + at, compressible: false);
        }

        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token);
        await store.RemovePointAsync("point-job-0", _token);
        _storage.Capacity = new StorageCapacity(1 << 30, (long)freeMiB << 20);

        var report = await store.CollectAsync(AtOnce, null, _token);

        Assert.True(report.RemovedBytes >= 1 << 20, report.ToString());
        if (freeMiB < 2)
        {
            // Below the last part of the reserve nothing is written anew, and what needs no writing goes all the same.
            Assert.Equal((0, true), (report.RewrittenPacks, report.DeadPacks > 0));
            Assert.Contains("run it again when there is more room", Assert.Single(report.Problems), StringComparison.Ordinal);
        }
        else
        {
            Assert.True(report.RewrittenPacks > 0, report.ToString());
            Assert.Empty(report.Problems);
        }

        Assert.Equal(disk.Content, await store.RestoreAsync("point-job-1", _token));
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
            digest = (await store.ListChunksAsync("point-job-0", _token))[0];
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
        var chunks = await store.ListChunksAsync("point-job-0", _token);
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

    private sealed class SteppingClock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

        public void Advance(TimeSpan by) => _now += by;

        public override DateTimeOffset GetUtcNow() => _now;
    }
}
