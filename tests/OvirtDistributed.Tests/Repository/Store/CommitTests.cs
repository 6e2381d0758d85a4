// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

public sealed class CommitTests : IAsyncDisposable
{
    private static readonly TestDisk Disk = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 2);

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task SameJobTwice_GivesOnePoint()
    {
        await using (var store = await TestRepository.CreateAsync(_storage, _token))
        {
            var first = await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token);
            var again = TestWriter.Manifest("job-0", TestWriter.Disk(first.Root)) with { PointId = "point-other" };
            var second = await store.CommitAsync(new CommitRequest { Manifest = again }, _token);
            Assert.True(second.AlreadyCommitted);
            Assert.Equal(first.Commit.Point, second.Point);
            Assert.Equal(first.Commit.Point, Assert.Single(store.ListPoints()));
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, _token);
        var manifest = await reopened.ReadManifestAsync("point-job-0", _token);
        var third = await reopened.CommitAsync(new CommitRequest { Manifest = manifest }, _token);
        Assert.True(third.AlreadyCommitted);
        Assert.Single(_storage.Names("points"));
    }

    [Fact]
    public async Task SameJobAtTheSameTime_GivesOnePoint()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var manifest = TestWriter.Manifest("job-0", TestWriter.Disk(new DiskRoot(ChunkDigest.Zero, 1, 40 << 20)));
        var results = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token))).WithinDeadline();
        Assert.Single(results, result => !result.AlreadyCommitted);
        Assert.Single(_storage.Names("points"));
    }

    [Fact]
    public async Task PointIdOfAnotherJob_IsRefused()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var first = await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token);
        var other = TestWriter.Manifest("job-1", TestWriter.Disk(first.Root)) with { PointId = "point-job-0" };
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = other }, _token));
        Assert.Equal(RepositoryError.AlreadyExists, error.Error);
    }

    [Fact]
    public async Task RootThatIsNotThere_IsRefusedWithItsDigest()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var digest = ContentKeys.Plain.Compute(FrameKind.MapNode, [1]);
        var manifest = TestWriter.Manifest("job-0", TestWriter.Disk(new DiskRoot(digest, 1, 40 << 20)));
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token));
        Assert.Equal(RepositoryError.MissingFrames, error.Error);
        Assert.Equal([digest], error.MissingDigests);
        Assert.Empty(store.ListPoints());
        Assert.Empty(_storage.Names("points"));
    }

    [Fact]
    public async Task ChunkMissingDeepInTheMap_IsRefusedAndSendingItMakesTheCommit()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var frames = new MemoryFrames();
        var chunks = Enumerable.Range(0, 40).Select(i => frames.PutChunk([(byte)i, 7])).ToArray();
        using var encoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        var builder = await DiskMapBuilder.CreateAsync(new DiskMapPlan { DiskSize = 1L << 40 }, null, ContentKeys.Plain, encoder, frames, _token);
        for (var i = 0; i < chunks.Length; i++)
        {
            builder.Declare(new DiskRange(i * (20L << 30), 2));
            builder.AddData(new DiskRange(i * (20L << 30), 2), chunks[i], 0);
        }

        var root = await builder.FinishAsync(_token);
        var held = frames.Frames[chunks[33]];
        frames.Frames.Remove(chunks[33]);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-1", 1, Disk), _token);
        await SendAsync(session, frames.Frames.Values);
        var request = new CommitRequest { Manifest = TestWriter.Manifest("job-0", TestWriter.Disk(root)) };
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(request, _token).WithinDeadline());
        Assert.Equal([chunks[33]], error.MissingDigests);
        Assert.Equal(1, error.MissingCount);

        await SendAsync(session, [held]);
        Assert.Equal(40, (await store.CommitAsync(request, _token).WithinDeadline()).PagesChecked);
    }

    [Fact]
    public async Task IncrementalOnACommittedBase_LooksOnlyAtWhatChanged()
    {
        var disk = new TestDisk(200 << 20).Fill(0, 1 << 20, 1).Fill(100 << 20, 1 << 20, 2).Fill(180 << 20, 1 << 20, 3);
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        Assert.Equal(3, (await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token)).Commit.PagesChecked);
        disk.TakeDirty();
        disk.Fill(101 << 20, 10_000, 4);
        Assert.Equal(1, (await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token)).Commit.PagesChecked);
    }

    [Theory]
    [InlineData(300 << 20)] // more pages
    [InlineData(208 << 20)] // a longer last page
    public async Task RootOfTheBaseForAnotherSize_IsNoMapOfIt(long size)
    {
        var disk = new TestDisk(200 << 20).Fill(0, 1 << 20, 1).Fill(195 << 20, 1 << 20, 2);
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var root = (await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token)).Root;
        var manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root with { DiskSize = size }, basePoint: "point-job-0"));
        await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token).WithinDeadline());
        Assert.Single(store.ListPoints());
    }

    [Fact]
    public async Task MetadataBlobs_AreStoredWithThePoint()
    {
        var ovf = MetadataFrame.Create("ovf", "application/xml", "<ovf/>"u8.ToArray(), ContentKeys.Plain);
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        var manifest = TestWriter.Manifest("job-0") with { Blobs = [ovf.Blob] };
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token));
        Assert.Equal([ovf.Blob.Digest], error.MissingDigests);
        await store.CommitAsync(new CommitRequest { Manifest = manifest, MetadataFrames = [ovf.Frame] }, _token);
        await using var session = await store.OpenReadSessionAsync("point-job-0", _token);
        Assert.Equal("<ovf/>"u8.ToArray(), await session.ReadBlobAsync(session.Manifest.Blobs[0], _token));
    }

    [Fact]
    public async Task ManifestWithAllFields_ReadsBackTheSame()
    {
        var manifest = TestWriter.Manifest("job-0", TestWriter.Disk(new DiskRoot(ChunkDigest.Zero, 1, 40 << 20)) with
        {
            Format = "cow",
            Sparse = true,
            StorageType = "nfs",
            Kind = PointKind.Incremental,
            FallbackReason = "checkpoint lost",
            Statistics = new Dictionary<string, long> { ["bytesRead"] = long.MaxValue },
            Properties = new Dictionary<string, string> { ["wwn"] = "\u00e4\u4e2d\"\n" },
        }) with
        {
            Kind = PointKind.Incremental,
            TransportMode = "cbt",
            CheckpointId = "c-1",
            Consistency = PointConsistency.FileSystemConsistent,
            TraceId = "0af7651916cd43dd8448eb211c80319c",
            Stages = [new ManifestStage { Name = "read", Started = DateTimeOffset.UnixEpoch, Ended = DateTimeOffset.UnixEpoch.AddSeconds(3) }],
            SkippedDisks = new Dictionary<string, string> { ["disk-9"] = "direct LUN" },
        };
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.CommitAsync(new CommitRequest { Manifest = manifest }, _token);
        Assert.Equivalent(manifest, await store.ReadManifestAsync("point-job-0", _token), strict: true);
    }

    [Fact]
    public async Task Committed_JournalsOfItsTasksAreGoneAndFencesStay()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token);
        Assert.Equal(["sessions/task-job-0/fence.json"], _storage.Names("sessions"));
    }

    [Fact]
    public async Task Points_AreListedInTheOrderOfTheirTimes()
    {
        await using var store = await TestRepository.CreateAsync(_storage, _token);
        foreach (var (job, hours) in new[] { ("b", 2), ("a", 1), ("c", 3) })
        {
            var manifest = TestWriter.Manifest(job) with { Created = DateTimeOffset.UnixEpoch.AddHours(hours), VmId = job == "c" ? "vm-2" : "vm-1" };
            await store.CommitAsync(new CommitRequest { Manifest = manifest }, _token);
        }

        Assert.Equal(["a", "b", "c"], store.ListPoints().Select(point => point.JobId));
        Assert.Equal(["a", "b"], store.ListPoints("manager-1", "vm-1").Select(point => point.JobId));
        Assert.Empty(store.ListPoints("manager-2"));
    }

    private async Task SendAsync(WriteSession session, IEnumerable<byte[]> frames)
    {
        await using var stream = session.OpenFrameStream();
        foreach (var frame in frames)
        {
            await stream.AppendAsync(frame, _token);
        }

        await stream.CompleteAsync(_token).WithinDeadline();
    }
}
