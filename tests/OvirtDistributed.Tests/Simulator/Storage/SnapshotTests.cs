// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Storage;

public sealed class SnapshotTests : IAsyncLifetime
{
    private readonly StorageSite _site = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData(true, VolumeFormat.Cow)]
    [InlineData(false, VolumeFormat.Cow)]
    [InlineData(true, VolumeFormat.Raw)]
    [InlineData(false, VolumeFormat.Raw)]
    public async Task SnapshotOfTheMiddleIsRemoved_ContentOfEveryLayerStays(bool live, VolumeFormat format)
    {
        var disk = await _site.NewDiskAsync(format);
        await StartWhenAsync(live, disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 8);
        var first = await _site.SnapshotAsync(disk);
        var atFirst = _site.Expected(disk);
        await _site.WriteAsync(disk, 1, 2);
        await _site.TrimAsync(disk, 2);
        var second = await _site.SnapshotAsync(disk);
        var atSecond = _site.Expected(disk);
        await _site.WriteAsync(disk, 3, 3);
        var third = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 4, 4);
        Assert.Equal(atFirst, await ReadLayerAsync(disk, first, ExportKind.Chain));

        // The lower volume of a merge stays and stands for what the upper one did.
        await RemoveAsync(disk, first);
        Assert.DoesNotContain(await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline(), v => v.ImageId == second);
        Assert.Equal(atSecond, await ReadLayerAsync(disk, first, ExportKind.Chain));
        await RemoveAsync(disk, third);
        await _site.WriteAsync(disk, 5, 5);
        await RemoveAsync(disk, first);
        await _site.WriteAsync(disk, 6, 6);

        var only = Assert.Single(await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline());
        Assert.Equal(first, only.ImageId);
        Assert.Equal(format, only.Format);
        await _site.AssertContentAsync(disk);
        await _site.StopAsync();
        await _site.ReopenAsync();
        await _site.AssertContentAsync(disk);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SnapshotsBetweenBackups_DirtyBlocksOfAllLayersCount(bool live)
    {
        var disk = await _site.NewDiskAsync();
        await StartWhenAsync(live, disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 2);
        var start = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 10, 1);
        var snapshot = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 11, 1);

        var (dirty, middle) = await _site.IncrementalAsync(start, disk);
        Assert.Equal([10, 11], dirty);

        await _site.WriteAsync(disk, 12, 1);
        await RemoveAsync(disk, snapshot);
        await _site.WriteAsync(disk, 13, 1);
        var (sinceMiddle, _) = await _site.IncrementalAsync(middle, disk);
        Assert.Equal([12, 13], sinceMiddle);
        var (sinceStart, _) = await _site.IncrementalAsync(start, disk);
        Assert.Equal([10, 11, 12, 13], sinceStart);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BitmapLostBeforeMerge_StaysUnusableAfterwards(bool live)
    {
        var disk = await _site.NewDiskAsync();
        await StartWhenAsync(live, disk);
        var lost = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 1, 1);
        await _site.Storage.LoseBitmapAsync(lost, disk, StorageSite.Token).WithinDeadline();
        var snapshot = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 2, 2);
        await RemoveAsync(disk, snapshot);

        var refused = await Assert.ThrowsAsync<StorageException>(() => _site.BackUpAsync(lost, disk));
        Assert.Equal(StorageFailure.CheckpointUnusable, refused.Failure);
        await _site.AssertContentAsync(disk);
    }

    [Fact]
    public async Task CheckpointIsRemovedAcrossLayers_PredecessorKeepsAllBlocks()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        var first = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 1, 1);
        var second = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 2, 1);
        _ = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 3, 1);

        await _site.Storage.RemoveCheckpointAsync(second, first, [disk], StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(disk, 4, 1);
        var (dirty, _) = await _site.IncrementalAsync(first, disk);
        Assert.Equal([1, 2, 3, 4], dirty);
    }

    [Fact]
    public async Task Revert_DiskIsAsAtTheSnapshotAndCheckpointsAreGone()
    {
        var disk = await _site.NewDiskAsync();
        await _site.WriteAsync(disk, 0, 1, blocks: 4);
        var checkpoint = await _site.CheckpointAsync(disk);
        var snapshot = await _site.SnapshotAsync(disk);
        var then = _site.Expected(disk);
        await _site.WriteAsync(disk, 1, 2);
        _ = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 2, 3);

        await _site.Storage.RevertToLayerAsync(disk, snapshot, Guid.NewGuid(), StorageSite.Token).WithinDeadline();

        _site.Expect(disk, then);
        await _site.AssertContentAsync(disk);
        Assert.Equal(2, (await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline()).Count);
        var refused = await Assert.ThrowsAsync<StorageException>(() => _site.BackUpAsync(checkpoint, disk));
        Assert.Equal(StorageFailure.CheckpointUnusable, refused.Failure);
    }

    [Fact]
    public async Task ShallowExport_ShowsOnlyWhatTheLayerHolds()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 4);
        _ = await _site.SnapshotAsync(disk);
        await _site.WriteAsync(disk, 1, 2);
        await _site.TrimAsync(disk, 2);
        var delta = await _site.SnapshotAsync(disk);

        await using var export = await _site.Storage.OpenExportAsync(new ExportSpec(ExportKind.Layer, disk, delta, null, Writable: false), StorageSite.Token).WithinDeadline();
        var extents = await StorageSite.ExtentsAsync(export, dirty: false);
        Assert.Equal([1], StorageSite.Blocks(extents.Where(e => !e.Zero)));
        Assert.Equal([2], StorageSite.Blocks(extents.Where(e => e.Zero && !e.Hole)));
        Assert.DoesNotContain(0, StorageSite.Blocks(extents.Where(e => !e.Hole)));
    }

    private Task StartWhenAsync(bool live, Guid disk) => live ? _site.StartAsync(disk) : Task.CompletedTask;

    private Task RemoveAsync(Guid disk, Guid layer) => _site.Storage.RemoveSnapshotLayerAsync(disk, layer, StorageSite.Token).WithinDeadline();

    private Task<byte[]> ReadLayerAsync(Guid disk, Guid layer, ExportKind kind) =>
        _site.ReadExportAsync(new ExportSpec(kind, disk, layer, null, Writable: false));
}
