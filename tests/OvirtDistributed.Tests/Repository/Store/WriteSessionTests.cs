// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

public sealed class WriteSessionTests : IAsyncDisposable
{
    private static readonly TestDisk Disk = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 2);

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task LowerTokenThanFenced_IsRefusedAlsoAfterReopening()
    {
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 3, Disk), _token);
            await store.FenceAsync("task-1", 4, _token).WithinDeadline();
            Assert.True(session.Ended.IsCancellationRequested);
            AssertFenced(Assert.Throws<RepositoryException>(() => session.Have([default], new byte[1])));
            AssertFenced(await Assert.ThrowsAsync<RepositoryException>(() => session.CompletePagesAsync(Array.Empty<PageDigest>(), _token)));
            AssertFenced(await Assert.ThrowsAsync<RepositoryException>(() => store.OpenWriteSessionAsync(TestRepository.Request("task-1", 3, Disk), _token)));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        AssertFenced(await Assert.ThrowsAsync<RepositoryException>(() => reopened.OpenWriteSessionAsync(TestRepository.Request("task-1", 3, Disk), _token)));
        await reopened.FenceAsync("task-1", 2, _token);
        await using var next = await reopened.OpenWriteSessionAsync(TestRepository.Request("task-1", 4, Disk), _token);
        AssertFenced(await Assert.ThrowsAsync<RepositoryException>(() => reopened.OpenWriteSessionAsync(TestRepository.Request("task-1", 3, Disk), _token)));
    }

    [Fact]
    public async Task HigherTokenOpens_OlderSessionEndsAndItsStreamFails()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var old = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var stream = old.OpenFrameStream();
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 2, Disk), _token).WithinDeadline();
        AssertFenced(await Assert.ThrowsAsync<RepositoryException>(() => stream.AppendAsync(new byte[10], _token).AsTask()));
        AssertFenced(await Assert.ThrowsAsync<RepositoryException>(async () => await stream.Acknowledgements.Completion.WithinDeadline()));
        Assert.Null(store.FindWriteSession(old.Id));
        Assert.Same(session, store.FindWriteSession(session.Id));
        await stream.DisposeAsync();
    }

    [Fact]
    public async Task PackFailsBetweenStoreAndMark_NextPackAcknowledgesNothingOfIt()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        await using var stream = session.OpenFrameStream();
        await using var other = session.OpenFrameStream();
        var frames = new MemoryFrames();
        var (lost, next) = (frames.Frames[frames.PutChunk([1, 2, 3])], frames.Frames[frames.PutChunk([4, 5, 6])]);
        await session.StoreAsync(lost, [new FramePart(0, FrameHeader.Read(lost))], _token);
        _storage.FailNextFlushOf = "packs/";
        await Assert.ThrowsAsync<RepositoryException>(() => session.FlushAsync(_token).WithinDeadline());
        Assert.Null(_storage.FailNextFlushOf);
        await session.StoreAsync(next, [new FramePart(0, FrameHeader.Read(next))], _token);

        await session.MarkAsync(stream, new DurableAck(1, lost.Length), _token);
        await session.FlushAsync(_token).WithinDeadline();

        await Assert.ThrowsAsync<RepositoryException>(async () => await stream.Acknowledgements.Completion.WithinDeadline());
        await Assert.ThrowsAsync<RepositoryException>(async () => await other.Acknowledgements.Completion.WithinDeadline());
    }

    [Fact]
    public async Task NextAttemptAtTheSameBackup_GetsThePagesOfTheLast()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var acknowledged = await WriteSomeAsync(store, token: 1, "backup-1");
        Assert.Equal(2, acknowledged.Count);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 2, Disk), _token);
        Assert.Equal(acknowledged, session.CompletedPages);
    }

    [Fact]
    public async Task FrameOfAJournaledPageIsLost_CommitIsRefusedAndTheNextAttemptBringsItBack()
    {
        DiskRoot root;
        await using (var first = await TestRepository.CreateAsync(_storage, _token))
        {
            await first.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
            await using var session = await first.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
            await using var writer = new TestWriter(first, session);
            root = await writer.WriteAsync(Disk, Disk.DataExtents(), _token).WithinDeadline();
        }

        DamageTests.Break(_storage, FrameKind.Chunk);
        await using var store = await TestRepository.OpenAsync(_storage, _token);
        await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync("point-job-0", _token).WithinDeadline());
        var manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root, "task-1", null));
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token).WithinDeadline());
        Assert.Equal(RepositoryError.MissingFrames, error.Error);

        await using (var again = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 2, Disk), _token))
        await using (var writer = new TestWriter(store, again))
        {
            Assert.Single(again.CompletedPages);
            Assert.Equal(root, await writer.WriteAsync(Disk, Disk.DataExtents(), _token).WithinDeadline());
            Assert.Equal(1, writer.ChunksSent);
        }

        await store.CommitAsync(new CommitRequest { Manifest = manifest }, _token).WithinDeadline();
        Assert.True((await store.RestoreAsync("point-job-1", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));
    }

    [Fact]
    public async Task NextAttemptWithAnotherBackup_KeepsChunksAndDiscardsPages()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await WriteSomeAsync(store, token: 1, "backup-1");
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 2, Disk, backup: "backup-2"), _token);
        Assert.Empty(session.CompletedPages);
        await using var writer = new TestWriter(store, session);
        await writer.WriteAsync(Disk, Disk.DataExtents(), _token).WithinDeadline();
        Assert.Equal(0, writer.ChunksSent);
    }

    [Fact]
    public async Task PageWithAChunkThatIsNotThere_IsRefusedWithTheDigestAndNotJournaled()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using (var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token))
        {
            var frames = new MemoryFrames();
            var chunk = frames.PutChunk([1, 2, 3]);
            var page = await MakePageAsync(frames, chunk);
            frames.Frames.Remove(chunk);
            await SendAsync(session, frames.Frames.Values);
            var error = await Assert.ThrowsAsync<RepositoryException>(() => session.CompletePagesAsync(new[] { page }, _token).WithinDeadline());
            Assert.Equal(RepositoryError.MissingFrames, error.Error);
            Assert.Equal([chunk], error.MissingDigests);
            var unknown = new PageDigest(0, chunk);
            Assert.Equal([chunk], (await Assert.ThrowsAsync<RepositoryException>(() => session.CompletePagesAsync(new[] { unknown }, _token))).MissingDigests);
        }

        await using var next = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 2, Disk), _token);
        Assert.Empty(next.CompletedPages);
    }

    [Fact]
    public async Task PageThatUsesMoreOfAChunkThanItHas_IsRefused()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        var chunk = frames.PutChunk([1, 2, 3]);
        var page = await MakePageAsync(frames, chunk, length: 4);
        await SendAsync(session, frames.Frames.Values);
        var error = await Assert.ThrowsAsync<RepositoryException>(() => session.CompletePagesAsync(new[] { page }, _token).WithinDeadline());
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
        Assert.Contains(chunk.ToString(), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task BrokenFrame_FailsTheStreamAndNamesItsPlace()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        frames.PutChunk([1, 2, 3]);
        var good = frames.Frames.Values.Single();
        var bad = good.ToArray();
        bad[^1] ^= 1;
        await using var stream = session.OpenFrameStream();
        var error = await Assert.ThrowsAsync<RepositoryException>(() => stream.AppendAsync((byte[])[.. good, .. bad], _token).AsTask());
        Assert.Equal(RepositoryError.Damaged, error.Error);
        Assert.Contains($"frame 1 at position {good.Length}", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<RepositoryException>(() => stream.CompleteAsync(_token));
    }

    [Fact]
    public async Task StreamThatEndsWithinAFrame_IsNotComplete()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        frames.PutChunk(new byte[] { 1, 2, 3 });
        await using var stream = session.OpenFrameStream();
        await stream.AppendAsync(frames.Frames.Values.Single().AsMemory(0, 90), _token);
        Assert.Equal(RepositoryError.Damaged, (await Assert.ThrowsAsync<RepositoryException>(() => stream.CompleteAsync(_token))).Error);
    }

    [Fact]
    public async Task FrameWhoseContentIsNotItsDigest_IsRefused()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        frames.PutChunk(new byte[] { 1, 2, 3 });
        var frame = frames.Frames.Values.Single();
        (FrameHeader.Read(frame) with { Digest = ContentKeys.Plain.Compute(FrameKind.Chunk, [9]) }).Write(frame);
        await using var stream = session.OpenFrameStream();
        var error = await Assert.ThrowsAsync<RepositoryException>(() => stream.AppendAsync(frame, _token).AsTask());
        Assert.Contains("another digest", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task WriterAsksForAChunk_IsRefused()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        var chunk = frames.PutChunk(new byte[] { 1, 2, 3 });
        await SendAsync(session, frames.Frames.Values);
        Assert.Equal(1, session.Have([chunk], new byte[1]));
        var error = await Assert.ThrowsAsync<RepositoryException>(() => session.FetchAsync(new[] { chunk }, _token));
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
    }

    [Fact]
    public async Task Have_SetsTheBitsOfWhatIsThere()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var frames = new MemoryFrames();
        var known = Enumerable.Range(0, 20).Select(i => frames.PutChunk([(byte)i, 1])).ToArray();
        await SendAsync(session, frames.Frames.Values);
        var asked = known.Select((digest, i) => i % 3 == 0 ? ContentKeys.Plain.Compute(FrameKind.Chunk, [(byte)i, 2]) : digest).ToArray();
        var bitmap = new byte[] { 255, 255, 255 };
        Assert.Equal(13, session.Have(asked, bitmap));
        for (var i = 0; i < 24; i++)
        {
            Assert.Equal(i < 20 && i % 3 != 0, (bitmap[i / 8] & (1 << (i % 8))) != 0);
        }
    }

    [Fact]
    public async Task SessionIdleBeyondItsTime_Ends()
    {
        var time = new ManualTimeProvider();
        await RepositoryStore.CreateAsync(_storage, TestRepository.Parameters(), _token);
        var options = TestRepository.Options with { SessionIdleTimeout = TimeSpan.FromMinutes(4) };
        await using var store = await RepositoryStore.OpenAsync(_storage, options, time, NullLogger<RepositoryStore>.Instance, _token);
        var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        var ended = new TaskCompletionSource();
        session.Ended.Register(ended.SetResult);
        await Deadline.UntilAsync(
            () =>
            {
                time.Advance(TimeSpan.FromMinutes(2));
                return Task.FromResult(ended.Task.IsCompleted);
            },
            "the idle session ends");
        Assert.Equal(RepositoryError.SessionEnded, Assert.Throws<RepositoryException>(() => session.Have([default], new byte[1])).Error);
    }

    [Fact]
    public async Task BaseThatIsNotThere_IsNamed()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var error = await Assert.ThrowsAsync<RepositoryException>(
            () => store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk, basePoint: "point-x"), _token));
        Assert.Equal(RepositoryError.NotFound, error.Error);
        Assert.Contains("point-x", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData(".hidden")]
    [InlineData("a_b")]
    public async Task TaskIdThatIsNoName_IsRefused(string task)
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.OpenWriteSessionAsync(TestRepository.Request(task, 1, Disk), _token));
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
        await Assert.ThrowsAsync<RepositoryException>(() => store.FenceAsync(task, 1, _token));
    }

    [Fact]
    public async Task ManySessionsAtOnce_EveryPointIsWhole()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var disks = Enumerable.Range(0, 8).Select(i => new TestDisk(20 << 20).Fill(0, 400_000, i % 3).Fill(17 << 20, 300_000, i)).ToArray();
        await Task.WhenAll(disks.Select((disk, i) => store.BackUpAsync($"job-{i}", disk, disk.DataExtents(), null, _token))).WithinDeadline();
        await Task.WhenAll(disks.Select(async (disk, i) =>
            Assert.True((await store.RestoreAsync($"point-job-{i}", _token)).AsSpan().SequenceEqual(disk.Content)))).WithinDeadline();
        Assert.Equal(0, store.GetStatistics().WriteSessions);
        Assert.Equal(0, store.GetStatistics().ReadSessions);
    }

    private static void AssertFenced(RepositoryException error) => Assert.Equal(RepositoryError.Fenced, error.Error);

    private async Task<List<PageDigest>> WriteSomeAsync(RepositoryStore store, long token, string backup)
    {
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", token, Disk, backup: backup), _token);
        await using var writer = new TestWriter(store, session);
        await writer.WriteAsync(Disk, Disk.DataExtents(), _token).WithinDeadline();
        return [.. writer.Acknowledged.OrderBy(page => page.PageIndex)];
    }

    private async Task<PageDigest> MakePageAsync(MemoryFrames frames, ChunkDigest chunk, int length = 3)
    {
        using var encoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        var builder = await DiskMapBuilder.CreateAsync(new DiskMapPlan { DiskSize = Disk.Size }, null, ContentKeys.Plain, encoder, frames, _token);
        builder.Declare(new DiskRange(0, length));
        builder.AddData(new DiskRange(0, length), chunk, 0);
        builder.DeclaredThrough(Disk.Size);
        await builder.FlushAsync(_token);
        return frames.Pages.Single();
    }

    private async Task SendAsync(WriteSession session, IEnumerable<byte[]> frames)
    {
        await using var stream = session.OpenFrameStream();
        var count = 0;
        foreach (var frame in frames)
        {
            await stream.AppendAsync(frame, _token);
            count++;
        }

        Assert.Equal(count, (await stream.CompleteAsync(_token).WithinDeadline()).Frames);
    }
}
