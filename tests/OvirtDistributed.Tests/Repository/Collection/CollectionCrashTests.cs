// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>The process is killed at every single file operation of a removal of points and a round of garbage collection.</summary>
public sealed class CollectionCrashTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);
    private static readonly GcOptions Greedy = new() { Grace = TimeSpan.Zero, RewriteBelow = 0.95 };
    private static readonly RepositoryStoreOptions Busy = TestRepository.Options with { MemoryTableEntries = 6, RunsPerTier = 2 };

    [Theory]
    [InlineData(Tail.Lost, false)]
    [InlineData(Tail.Torn, false)]
    [InlineData(Tail.Lost, true)]
    [InlineData(Tail.Kept, true)]
    internal async Task KilledAtEveryOperation_WhatIsListedRestores_AndTheNextRoundFinishes(Tail tail, bool killAfter)
    {
        using var deadline = new CancellationTokenSource(Limit);
        var (image, kept) = await PrepareAsync(deadline.Token);
        var clean = await FinishedSizeAsync(image, deadline.Token);
        var kills = 0;
        for (var killAt = 1; ; killAt++)
        {
            var storage = image.Reboot(Tail.Lost, killAt, killAfter);
            await TryCollectAsync(storage, deadline.Token);
            if (!storage.WasKilled)
            {
                break;
            }

            kills++;
            await CheckAsync(storage.Reboot(tail), kept, storage.KilledOperation, clean, deadline.Token);
        }

        Assert.True(kills > 30, $"only {kills} operations were there to kill");
    }

    /// <summary>Three points of one disk; the first two are to go.</summary>
    private static async Task<(CrashStorage Storage, byte[] Kept)> PrepareAsync(CancellationToken cancellationToken)
    {
        var storage = new CrashStorage();
        var disk = new TestDisk(5 << 20).Fill(0, 5 << 20, 3, compressible: false);
        await using var store = await TestRepository.CreateAsync(storage, cancellationToken);
        await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, cancellationToken);
        disk.TakeDirty();
        disk.Fill(300_000, 1 << 20, 4, compressible: false);
        await store.BackUpAsync("job-1", disk, disk.TakeDirty(), "point-job-0", cancellationToken);
        disk.Fill(2 << 20, 900_000, 5, compressible: false);
        await store.BackUpAsync("job-2", disk, disk.TakeDirty(), "point-job-1", cancellationToken);
        return (storage, [.. disk.Content]);
    }

    private static async Task<int> FinishedSizeAsync(CrashStorage image, CancellationToken cancellationToken)
    {
        var storage = image.Reboot(Tail.Lost);
        await TryCollectAsync(storage, cancellationToken);
        return SizeOf(storage);
    }

    private static async Task TryCollectAsync(CrashStorage storage, CancellationToken cancellationToken)
    {
        try
        {
            await using var store = await TestRepository.OpenAsync(storage, cancellationToken, Busy);
            await store.RemovePointAsync("point-job-0", cancellationToken);
            await store.RemovePointAsync("point-job-1", cancellationToken);
            await store.CollectAsync(Greedy, null, cancellationToken);
        }
        catch (RepositoryException) when (storage.WasKilled)
        {
            // As the test wanted it.
        }
    }

    private static async Task CheckAsync(CrashStorage storage, byte[] kept, string where, int clean, CancellationToken cancellationToken)
    {
        await using (var store = await TestRepository.OpenAsync(storage, cancellationToken, Busy))
        {
            Assert.True(store.Recovery.Problems.Count == 0, $"{where}: {string.Join("; ", store.Recovery.Problems)}");
            foreach (var point in store.ListPoints())
            {
                var content = await store.RestoreAsync(point.PointId, cancellationToken);
                Assert.True(point.PointId != "point-job-2" || content.AsSpan().SequenceEqual(kept), $"{where}: {point.PointId} differs");
            }

            Assert.True(store.FindPoint("point-job-2") is not null, $"{where}: the point that was kept is gone");
        }

        await TryCollectAsync(storage, cancellationToken);
        await using var last = await TestRepository.OpenAsync(storage, cancellationToken, Busy);
        Assert.True((await last.VerifyAsync(null, null, cancellationToken)).Damages.Count == 0, where);
        var restored = await last.RestoreAsync("point-job-2", cancellationToken);
        Assert.True(kept.AsSpan().SequenceEqual(restored), where);
        await last.CollectAsync(Greedy, null, cancellationToken);
        Assert.Single(last.ListPoints());
        Assert.True(SizeOf(storage) < clean * 1.3, $"{where}: {SizeOf(storage)} bytes stay where {clean} are enough");
        Assert.DoesNotContain(storage.Names("tombstones"), tombstone => storage.Names("packs").Any(pack => pack.Contains(Path.GetFileNameWithoutExtension(tombstone), StringComparison.Ordinal)));
    }

    private static int SizeOf(CrashStorage storage) =>
        storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)).Sum(name => storage.Read(name).Length);
}
