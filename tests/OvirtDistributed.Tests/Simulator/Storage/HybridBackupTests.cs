// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Storage;

public sealed class HybridBackupTests : IAsyncLifetime
{
    private readonly StorageSite _site = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData(true, VolumeFormat.Cow)]
    [InlineData(false, VolumeFormat.Cow)]
    [InlineData(true, VolumeFormat.Raw)]
    [InlineData(false, VolumeFormat.Raw)]
    public async Task GuestWritesMeanwhile_FrozenLayerIsReadAndMergedAfterwards(bool live, VolumeFormat format)
    {
        var disk = await _site.NewDiskAsync(format);
        await StartWhenAsync(live, disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 8);
        var before = _site.Expected(disk);

        var (backup, _, frozen) = await _site.BackUpBySnapshotAsync(null, disk);
        Assert.Equal(2, await LayersAsync(disk));
        await _site.WriteAsync(disk, 4, 2, blocks: 8);
        await _site.TrimAsync(disk, 0, blocks: 2);

        Assert.Equal(before, await _site.ReadBackupAsync(backup, disk));
        await EndAsync(backup, disk, frozen);
        await _site.AssertContentAsync(disk);
        Assert.Equal(format, Assert.Single(await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline()).Format);
        await StopWhenAsync(live);
        await _site.ReopenAsync();
        await _site.AssertContentAsync(disk);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ChainOfBackups_DirtyBlocksAreExactlyTheWrittenOnes(bool live)
    {
        var disk = await _site.NewDiskAsync();
        await StartWhenAsync(live, disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 2);
        var (full, first, frozen) = await _site.BackUpBySnapshotAsync(null, disk);
        await _site.WriteAsync(disk, 5, 2);
        await EndAsync(full, disk, frozen);
        await _site.WriteAsync(disk, 6, 2);

        // Written while the first backup read, and after its merge.
        var (second, secondCheckpoint, secondFrozen) = await _site.BackUpBySnapshotAsync(first, disk);
        var then = _site.Expected(disk);
        await _site.WriteAsync(disk, 7, 3);
        Assert.Equal(Blocks(5, 6), (await _site.DirtyAsync(second, disk)).Dirty);
        Assert.Equal(then, await _site.ReadBackupAsync(second, disk));
        await EndAsync(second, disk, secondFrozen);

        // From an older checkpoint the bitmaps of both count; and the kinds of backup follow each other.
        var (third, _, thirdFrozen) = await _site.BackUpBySnapshotAsync(first, disk);
        Assert.Equal(Blocks(5, 6, 7), (await _site.DirtyAsync(third, disk)).Dirty);
        await EndAsync(third, disk, thirdFrozen);
        await _site.WriteAsync(disk, 8, 4);
        Assert.Equal(Blocks(7, 8), (await _site.IncrementalAsync(secondCheckpoint, disk)).Dirty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SnapshotsBeforeAndDuringTheBackup_NothingIsLost(bool live)
    {
        var disk = await _site.NewDiskAsync();
        await StartWhenAsync(live, disk);
        var (full, first, frozen) = await _site.BackUpBySnapshotAsync(null, disk);
        await EndAsync(full, disk, frozen);
        await _site.WriteAsync(disk, 1, 1);
        var older = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 2, 1);

        var (backup, checkpoint, read) = await _site.BackUpBySnapshotAsync(first, disk);
        var then = _site.Expected(disk);
        await _site.WriteAsync(disk, 3, 1);
        var newer = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 4, 1);
        Assert.Equal(Blocks(1, 2), (await _site.DirtyAsync(backup, disk)).Dirty);
        Assert.Equal(then, await _site.ReadBackupAsync(backup, disk));
        await EndAsync(backup, disk, read);

        Assert.NotEqual(newer, older);
        Assert.Equal(3, await LayersAsync(disk));
        Assert.Equal(Blocks(3, 4), (await _site.IncrementalAsync(checkpoint, disk)).Dirty);
    }

    [Fact]
    public async Task VmCrashesDuringTheBackup_BackupIsStillReadable()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 3);
        var (backup, checkpoint, frozen) = await _site.BackUpBySnapshotAsync(null, disk);
        await _site.StopAsync(clean: false);

        Assert.Equal(_site.Expected(disk), await _site.ReadBackupAsync(backup, disk));
        await EndAsync(backup, disk, frozen);
        await _site.AssertContentAsync(disk);
        var refused = await Assert.ThrowsAsync<StorageException>(() => _site.BackUpBySnapshotAsync(checkpoint, disk));
        Assert.Equal(StorageFailure.CheckpointUnusable, refused.Failure);
        Assert.Equal(1, await LayersAsync(disk));
    }

    private static int[] Blocks(params int[] blocks) => blocks;

    private async Task<int> LayersAsync(Guid disk) => (await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline()).Count;

    private async Task EndAsync(Guid backup, Guid disk, Guid frozen)
    {
        await _site.Storage.StopBackupAsync(backup, StorageSite.Token).WithinDeadline();
        await _site.Storage.RemoveSnapshotLayerAsync(disk, frozen, StorageSite.Token).WithinDeadline();
    }

    private Task StartWhenAsync(bool live, Guid disk) => live ? _site.StartAsync(disk) : Task.CompletedTask;

    private Task StopWhenAsync(bool live) => live ? _site.StopAsync() : Task.CompletedTask;
}
