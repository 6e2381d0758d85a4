// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository;

public sealed class RoundTripTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-repo-").FullName;
    private readonly CancellationTokenSource _deadline = new(TimeSpan.FromSeconds(60));

    private CancellationToken Token => _deadline.Token;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        _deadline.Dispose();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task FullThenIncrementalWithWritesTrimsAndGrowth_EveryPointRestoresBitForBit()
    {
        var disk = new TestDisk((40 << 20) + 4096).Fill(0, 3 << 20, 1).Fill(15 << 20, 2 << 20, 2).Fill(39 << 20, (1 << 20) + 4096, 3, compressible: false);
        await using var storage = LocalStorage.Open(_directory);
        var expected = new Dictionary<string, byte[]>();
        await using (var store = await TestRepository.CreateAsync(storage, Token))
        {
            disk.TakeDirty();
            var full = await store.BackUpAsync("job-0", disk, disk.DataExtents(), basePoint: null, Token);
            expected.Add("point-job-0", [.. disk.Content]);
            Assert.True(full.ChunksSent > 20);

            disk.Fill(1 << 20, 70_000, 4).Zero(15 << 20, 1 << 20).Fill((16 << 20) - 30_000, 60_000, 5);
            var second = await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", Token);
            expected.Add("point-job-1", [.. disk.Content]);
            Assert.InRange(second.ChunksSent, 1, 12);

            disk.Grow(70 << 20).Fill(55 << 20, 300_000, 6);
            await store.BackUpAsync("job-2", disk, disk.TakeDirty(), "point-job-1", Token);
            expected.Add("point-job-2", [.. disk.Content]);

            disk.Zero(0, (int)disk.Size);
            var empty = await store.BackUpAsync("job-3", disk, disk.TakeDirty(), "point-job-2", Token);
            expected.Add("point-job-3", [.. disk.Content]);
            Assert.True(empty.Root.Digest.IsZero);
            Assert.Equal(0, empty.ChunksSent);
        }

        await using var reopened = await TestRepository.OpenAsync(storage, Token);
        Assert.True(reopened.Recovery.IsClean, string.Join("; ", reopened.Recovery.Problems));
        foreach (var (point, content) in expected)
        {
            Assert.True((await reopened.RestoreAsync(point, Token)).AsSpan().SequenceEqual(content), point);
        }

        var report = await reopened.VerifyAsync(null, null, Token);
        Assert.Empty(report.Damages);
        Assert.Equal(4, report.Points);
        Assert.Equal(reopened.GetStatistics().Frames, report.Frames);
    }

    [Fact]
    public async Task SameContentOnAnotherVm_SendsNoChunkAgain()
    {
        var disk = new TestDisk(20 << 20).Fill(0, 4 << 20, 1);
        await using var storage = LocalStorage.Open(_directory);
        await using var store = await TestRepository.CreateAsync(storage, Token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, Token);
        var again = await store.BackUpAsync("job-1", disk, disk.DataExtents(), null, Token);
        Assert.Equal(0, again.ChunksSent);
    }

    [Fact]
    public async Task RangeOfADisk_IsReadExactly()
    {
        var disk = new TestDisk(48 << 20).Fill(0, 1 << 20, 1).Fill((16 << 20) - 100_000, 5 << 20, 2).Fill(40 << 20, 1 << 20, 3);
        await using var storage = LocalStorage.Open(_directory);
        await using var store = await TestRepository.CreateAsync(storage, Token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, Token);
        await using var session = await store.OpenReadSessionAsync("point-job-0", Token);
        var options = new DiskImageReaderOptions { SegmentBytes = 64 << 10, ReadAhead = 3 };
        var reader = new DiskImageReader(session.Manifest.Disks[0].Root, session, store.Keys, options);
        foreach (var range in new DiskRange[] { new(1, 1), new(0, 0), new((16 << 20) - 5, 10), new(123_457, 30 << 20), new((48 << 20) - 1, 1) })
        {
            var content = await TestRepository.ReadAsync(reader, range, Token);
            Assert.True(disk.Content.AsSpan((int)range.Offset, (int)range.Length).SequenceEqual(content), range.ToString());
        }

        var error = await Assert.ThrowsAsync<RepositoryException>(() => TestRepository.ReadAsync(reader, new DiskRange(disk.Size, 1), Token));
        Assert.Equal(RepositoryError.InvalidArgument, error.Error);
    }

    [Fact]
    public async Task ConsumerStopsInTheMiddle_ReaderEndsAndGivesBuffersBack()
    {
        var disk = new TestDisk(20 << 20).Fill(0, 20 << 20, 1);
        await using var storage = LocalStorage.Open(_directory);
        await using var store = await TestRepository.CreateAsync(storage, Token);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, Token);
        await using var session = await store.OpenReadSessionAsync("point-job-0", Token);
        var reader = new DiskImageReader(session.Manifest.Disks[0].Root, session, store.Keys, new DiskImageReaderOptions { SegmentBytes = 1 << 20 });
        await foreach (var extent in reader.ReadAsync(new DiskRange(0, disk.Size), Token))
        {
            Assert.Equal(0, extent.Offset);
            extent.Dispose();
            break;
        }
    }
}
