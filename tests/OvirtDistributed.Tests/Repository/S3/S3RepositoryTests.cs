// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.S3;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.S3;

/// <summary>Whole repositories in a bucket, with the index in a local directory.</summary>
[Collection(CephCollection.Name)]
[Trait("Needs", "Servers")]
public sealed class S3RepositoryTests(CephFixture ceph) : IDisposable
{
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BackupsWithCachesLostAndOld_RestoreBitForBit(bool objectLock)
    {
        var options = await ceph.CreateBucketAsync(objectLock);
        var disk = new TestDisk(24 << 20).Fill(0, 6 << 20, 1, compressible: false).Fill(15 << 20, 2 << 20, 2);
        var expected = new Dictionary<string, byte[]>();
        await using (var storage = await OpenAsync(options, "here"))
        await using (var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline())
        {
            disk.TakeDirty();
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
            expected.Add("point-job-0", [.. disk.Content]);
        }

        // Another machine, with an empty cache: incremental, removal, collection.
        disk.Fill(0, 5 << 20, 3, compressible: false);
        await using (var storage = await OpenAsync(options, "there"))
        await using (var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline())
        {
            Assert.True(store.Recovery.ReindexedFrames > 20, store.Recovery.ToString());
            Assert.Empty(store.Recovery.Problems);
            Assert.Equal(expected["point-job-0"], await store.RestoreAsync("point-job-0", _token).WithinDeadline());
            var second = await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", _token).WithinDeadline();
            Assert.True(second.ChunksSent > 5);
            expected["point-job-1"] = [.. disk.Content];
            await store.RemovePointAsync("point-job-0", _token).WithinDeadline();
            expected.Remove("point-job-0");
            var collected = await store.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, _token).WithinDeadline();
            Assert.True(collected.RemovedPacks >= 3, collected.ToString());
        }

        // The first machine, with its old cache, which names packs that are gone and lacks those that came.
        await using (var storage = await OpenAsync(options, "here"))
        await using (var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline())
        {
            Assert.Empty(store.Recovery.Problems);
            Assert.Equal(expected["point-job-1"], await store.RestoreAsync("point-job-1", _token).WithinDeadline());
            Assert.Empty((await store.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
            disk.Zero(15 << 20, 1 << 20).Fill(20 << 20, 1 << 20, 4);
            await store.BackUpAsync("job-2", disk, disk.TakeDirty(), "point-job-1", _token).WithinDeadline();
            Assert.Equal(disk.Content, await store.RestoreAsync("point-job-2", _token).WithinDeadline());
        }

        Assert.DoesNotContain(await CephFixture.KeysAsync(options), key => key.Key.Contains("/index/", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DamagedManifest_IsSetAsideUnlessTheBucketProtectsIt(bool isProtected)
    {
        var options = await ceph.CreateBucketAsync(objectLock: true);
        var disk = new TestDisk(8 << 20).Fill(0, 3 << 20, 1, compressible: false);
        await using var storage = await OpenAsync(options, "cache");
        string path;
        await using (var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline())
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
            path = Assert.Single(store.ListPoints()).Path;
        }

        await storage.PutAsync(path, new byte[] { 1, 2, 3 }, StoragePutMode.Replace, _token).WithinDeadline();
        if (isProtected)
        {
            Assert.True(await storage.ProtectAsync(path, TimeProvider.System.GetUtcNow().AddHours(1), _token).WithinDeadline());
        }

        await using var opened = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        if (isProtected)
        {
            var refused = await Assert.ThrowsAsync<RepositoryException>(() => opened.SetAsideAsync(path, unauthentic: false, _token).WithinDeadline());
            Assert.Equal(RepositoryError.PointLocked, refused.Error);
            Assert.Equal(path, Assert.Single(opened.ListPoints()).Path);
            return;
        }

        Assert.NotEmpty((await opened.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, _token).WithinDeadline()).Problems);
        var aside = await opened.SetAsideAsync(path, unauthentic: false, _token).WithinDeadline();
        Assert.Equal(3, (await storage.FindAsync(aside!, _token).WithinDeadline())!.Value.Length);
        Assert.Null(await storage.FindAsync(path, _token).WithinDeadline());
        var report = await opened.CollectAsync(new GcOptions { Grace = TimeSpan.Zero }, null, _token).WithinDeadline();
        Assert.Empty(report.Problems);
        Assert.True(report.RemovedPacks > 0, report.ToString());
    }

    [Fact]
    public async Task CacheOfAnotherRepository_IsNotUsed()
    {
        var disk = new TestDisk(8 << 20).Fill(0, 3 << 20, 1, compressible: false);
        var (one, other) = (await ceph.CreateBucketAsync(), await ceph.CreateBucketAsync());
        await using (var storage = await OpenAsync(one, "cache"))
        await using (var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline())
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
        }

        // The same pack numbers and the same content: an index taken over would say that all of it is there.
        await using var secondStorage = await OpenAsync(other, "cache");
        await using var second = await TestRepository.CreateAsync(
            secondStorage, _token, TestRepository.Parameters() with { RepositoryId = Guid.NewGuid() }).WithinDeadline();
        Assert.Equal(0, second.GetStatistics().Frames);
        var backup = await second.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
        Assert.True(backup.ChunksSent > 5);
        Assert.Equal(disk.Content, await second.RestoreAsync("point-job-0", _token).WithinDeadline());
    }

    [Fact]
    public async Task CacheDirectoryInUse_IsRefused()
    {
        var (one, other) = (await ceph.CreateBucketAsync(), await ceph.CreateBucketAsync());
        await using var storage = await OpenAsync(one, "cache");
        await using var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline();
        await using var second = await OpenAsync(other, "cache");
        var refusal = await Assert.ThrowsAsync<OvirtDistributed.Repository.RepositoryException>(() => TestRepository.CreateAsync(second, _token).WithinDeadline());
        Assert.Contains("cache directory", refusal.Message, StringComparison.Ordinal);
        await using var bucket = await CephFixture.OpenAsync(other);
        await using var free = await bucket.TryLockAsync("locks/store.lock", _token).WithinDeadline();
        Assert.NotNull(free); // what was taken before was given back
    }

    [Theory]
    [InlineData("/packs/", 0, false)]
    [InlineData("/packs/", 3, true)]
    [InlineData("/sessions/", 1, true)]
    [InlineData("/points/", 0, false)]
    [InlineData("/points/", 0, true)]
    public async Task KilledInABackup_TheNextProcessFindsWhatWasDurableAndFinishes(string path, int after, bool carriedOut)
    {
        var options = await ceph.CreateBucketAsync();
        var disk = new TestDisk(8 << 20).Fill(0, 3 << 20, 1, compressible: false);
        await using var proxy = await FaultProxy.StartAsync(ceph.Endpoint);
        var storage = await OpenAsync(options with { Endpoint = proxy.Endpoint }, "cache", new ManualTimeProvider());
        var store = await TestRepository.CreateAsync(storage, _token).WithinDeadline();
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
        var before = disk.Content.ToArray();
        disk.TakeDirty();
        disk.Fill(1 << 20, 3 << 20, 2, compressible: false);
        var dirty = disk.TakeDirty();
        proxy.DieAt(HttpMethod.Put, path, after, carriedOut);

        await Assert.ThrowsAsync<OvirtDistributed.Repository.RepositoryException>(
            () => store.BackUpAsync("job-1", disk, dirty, "point-job-0", _token).WithinDeadline());
        proxy.AssertAllHappened();

        // The killed process gives nothing back; its lease ends by the clock. The cache directory is locked by it, so the next one has its own.
        var later = new ManualTimeProvider();
        later.Advance(TimeSpan.FromMinutes(2));
        await using (var nextStorage = await OpenAsync(options, "next", later))
        await using (var next = await TestRepository.OpenAsync(nextStorage, _token).WithinDeadline())
        {
            Assert.Empty(next.Recovery.Problems);
            Assert.Equal(before, await next.RestoreAsync("point-job-0", _token).WithinDeadline());
            await next.BackUpAsync("job-1", disk, dirty, "point-job-0", _token).WithinDeadline();
            Assert.Equal(disk.Content, await next.RestoreAsync("point-job-1", _token).WithinDeadline());
            Assert.Equal(2, next.ListPoints().Count);
            Assert.Empty((await next.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
        }

        await store.DisposeAsync().AsTask().WithinDeadline();
        await storage.DisposeAsync();
    }

    private async Task<CachedIndexStorage> OpenAsync(S3StorageOptions options, string cache, TimeProvider? timeProvider = null) =>
        new(await CephFixture.OpenAsync(options, timeProvider), LocalStorage.Open(_directory.File(cache)));
}
