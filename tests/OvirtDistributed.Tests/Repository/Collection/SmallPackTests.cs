// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Collection;

/// <summary>Each opening and each sealing leaves a small pack: garbage collection makes few of many, and moves nothing twice.</summary>
public sealed class SmallPackTests : IAsyncDisposable
{
    private static readonly GcOptions AtOnce = new() { Grace = TimeSpan.Zero };

    private readonly CrashStorage _storage = new();
    private readonly CancellationToken _token = TestContext.Current.CancellationToken;
    private readonly TestDisk _disk = new TestDisk(4 << 20).Fill(0, 512 << 10, 1, compressible: false);

    public ValueTask DisposeAsync() => _storage.DisposeAsync();

    [Fact]
    public async Task ManySmallPacks_AreMergedOnce_AndAQuietRoundMovesNothing()
    {
        await BackUpByManyProcessesAsync(8);
        await using var store = await TestRepository.OpenAsync(_storage, _token);
        var before = _storage.Names("");
        var dry = await store.CollectAsync(AtOnce with { DryRun = true }, null, _token).WithinDeadline();
        Assert.Equal(before, _storage.Names(""));

        var report = await store.CollectAsync(AtOnce, null, _token).WithinDeadline();
        Assert.Equal((dry.MergedPacks, dry.CopiedBytes), (report.MergedPacks, report.CopiedBytes));
        Assert.Equal((7, 7), (report.MergedPacks, report.RemovedPacks));

        // The merged pack is sealed, stands alone among the small, and is left alone.
        var (packs, bytes) = (Packs(), 0L);
        for (var round = 0; round < 3; round++)
        {
            var quiet = await store.CollectAsync(AtOnce, null, _token).WithinDeadline();
            Assert.Equal((0, 0L, 0), (quiet.RewrittenPacks, quiet.CopiedBytes, quiet.RemovedPacks));
            bytes += quiet.CopiedBytes;
        }

        Assert.Equal(packs, Packs());
        await CheckAsync(store, 8);
    }

    [Fact]
    public async Task FewSmallPacks_AreLeftAlone_AndTheMergeCanBeSwitchedOff()
    {
        await BackUpByManyProcessesAsync(4);
        await using (var store = await TestRepository.OpenAsync(_storage, _token))
        {
            Assert.Equal(0, (await store.CollectAsync(AtOnce, null, _token).WithinDeadline()).MergedPacks);
        }

        await BackUpByManyProcessesAsync(8, from: 4);
        await using var again = await TestRepository.OpenAsync(_storage, _token);
        Assert.Equal(0, (await again.CollectAsync(AtOnce with { MergeBelow = 0 }, null, _token).WithinDeadline()).MergedPacks);
        Assert.True((await again.CollectAsync(AtOnce, null, _token).WithinDeadline()).MergedPacks >= 4);
        await CheckAsync(again, 8);
        await Assert.ThrowsAsync<RepositoryException>(() => again.CollectAsync(AtOnce with { MergeAtLeast = 2 }, null, _token));
    }

    [Fact]
    public async Task SmallPackInUse_Waits()
    {
        await BackUpByManyProcessesAsync(8);
        await using var store = await TestRepository.OpenAsync(_storage, _token);
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-x", 1, _disk, "point-job-7"), _token);
        await using var reader = await store.OpenReadSessionAsync("point-job-3", _token);
        var changed = reader.Manifest.Disks[0].Root.Digest;
        Assert.Equal(1, session.Have([changed], new byte[1]));

        Assert.Equal(6, (await store.CollectAsync(AtOnce, null, _token).WithinDeadline()).MergedPacks);
        Assert.Equal(1, session.Have([changed], new byte[1]));
        await CheckAsync(store, 8);
    }

    [Fact]
    public async Task PackRemovedWhileAReaderIsAtIt_InABucket_IsReadFromItsNewPlace()
    {
        await using var bucket = new CrashStorage { ReadersEndWithTheirObject = true };
        for (var i = 0; i < 6; i++)
        {
            await using var writer = i == 0 ? await TestRepository.CreateAsync(bucket, _token) : await TestRepository.OpenAsync(bucket, _token);
            var extents = i == 0 ? _disk.DataExtents() : _disk.TakeDirty();
            await writer.BackUpAsync($"job-{i}", _disk, extents, i == 0 ? null : $"point-job-{i - 1}", _token).WithinDeadline();
            _disk.TakeDirty();
            _disk.Fill(3 << 20, 64 << 10, seed: 200 + i, compressible: false);
        }

        await using var store = await TestRepository.OpenAsync(bucket, _token);
        await using var reader = await store.OpenReadSessionAsync("point-job-3", _token);
        GcReport? report = null;
        bucket.BeforeRead = name =>
        {
            if (name.EndsWith(".pack", StringComparison.Ordinal))
            {
                // Between the look-up and the read: all that is in small packs moves, and they are gone.
                bucket.BeforeRead = null;
                report = Task.Run(() => store.CollectAsync(AtOnce, null, _token), _token).GetAwaiter().GetResult();
            }
        };

        (await reader.FetchAsync(new[] { reader.Manifest.Disks[0].Root.Digest }, _token).WithinDeadline()).Dispose();

        Assert.True(report is { MergedPacks: >= 4, RemovedPacks: >= 4 });
    }

    /// <summary>Each leaves one pack: the first a large one, the others small ones.</summary>
    private async Task BackUpByManyProcessesAsync(int count, int from = 0)
    {
        for (var i = from; i < count; i++)
        {
            await using var store = i == 0 ? await TestRepository.CreateAsync(_storage, _token) : await TestRepository.OpenAsync(_storage, _token);
            _disk.Fill(3 << 20, 64 << 10, seed: 100 + i, compressible: false);
            await store.BackUpAsync($"job-{i}", _disk, i == 0 ? _disk.DataExtents() : _disk.TakeDirty(), i == 0 ? null : $"point-job-{i - 1}", _token).WithinDeadline();
            _disk.TakeDirty();
        }
    }

    private async Task CheckAsync(RepositoryStore store, int count)
    {
        Assert.Empty((await store.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
        Assert.Equal(_disk.Content, await store.RestoreAsync($"point-job-{count - 1}", _token).WithinDeadline());
    }

    private List<string> Packs() => _storage.Names("packs").FindAll(name => name.EndsWith(".pack", StringComparison.Ordinal));
}
