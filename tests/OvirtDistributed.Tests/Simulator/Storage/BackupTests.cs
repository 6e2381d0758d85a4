// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Storage;

public sealed class BackupTests : IAsyncLifetime
{
    private readonly StorageSite _site = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData(VolumeFormat.Cow)]
    [InlineData(VolumeFormat.Raw)]
    public async Task GuestWritesDuringLiveBackup_BackupShowsTheDiskAsItWas(VolumeFormat format)
    {
        var disk = await _site.NewDiskAsync(format);
        await _site.StartAsync(disk);
        await _site.WriteAsync(disk, 0, 1, blocks: 8);
        var before = _site.Expected(disk);

        var (backup, _) = await _site.BackUpAsync(null, disk);
        await _site.WriteAsync(disk, 4, 2, blocks: 8);
        await _site.TrimAsync(disk, 0, blocks: 2);

        Assert.Equal(before, await _site.ReadBackupAsync(backup, disk));
        await _site.AssertContentAsync(disk);
        await _site.Storage.StopBackupAsync(backup, StorageSite.Token).WithinDeadline();
        await _site.AssertContentAsync(disk);
        await _site.StopAsync();
        await _site.AssertContentAsync(disk);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WritesSinceCheckpoint_AreExactlyTheDirtyBlocks(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        await _site.WriteAsync(disk, 0, 1, blocks: 4);
        var first = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 2, 2);
        await _site.Storage.GuestWriteAsync(disk, (10L * StorageSite.Block) - 1, new byte[2], StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(disk, 40, 3, blocks: 3);

        var (dirty, second) = await _site.IncrementalAsync(first, disk);
        Assert.Equal([2, 9, 10, 40, 41, 42], dirty);

        await _site.WriteAsync(disk, 41, 4);
        var (sinceSecond, third) = await _site.IncrementalAsync(second, disk);
        Assert.Equal([41], sinceSecond);

        // From an older checkpoint everything since counts, whichever bitmap recorded it.
        await _site.WriteAsync(disk, 50, 4);
        var (sinceFirst, _) = await _site.IncrementalAsync(first, disk);
        Assert.Equal([2, 9, 10, 40, 41, 42, 50], sinceFirst);
        Assert.NotEqual(third, second);
    }

    [Fact]
    public async Task VmStartsAndStopsBetweenBackups_DirtyBlocksSurvive()
    {
        var disk = await _site.NewDiskAsync();
        await _site.WriteAsync(disk, 0, 1, blocks: 2);
        var cold = await _site.CheckpointAsync(disk);

        await _site.StartAsync(disk);
        await _site.WriteAsync(disk, 5, 2);
        var (dirty, live) = await _site.IncrementalAsync(cold, disk);
        Assert.Equal([5], dirty);
        await _site.WriteAsync(disk, 6, 2);
        await _site.StopAsync();

        await _site.ReopenAsync();
        var (afterwards, _) = await _site.IncrementalAsync(live, disk);
        Assert.Equal([6], afterwards);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task GuestTrims_RangeIsDirtyAndZero(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        await _site.WriteAsync(disk, 0, 1, blocks: 8);
        var checkpoint = await _site.CheckpointAsync(disk);
        await _site.TrimAsync(disk, 2, blocks: 3);
        await _site.WriteAsync(disk, 7, 9);

        var (backup, _) = await _site.BackUpAsync(checkpoint, disk);
        var (dirty, zero) = await _site.DirtyAsync(backup, disk);
        Assert.Equal([2, 3, 4, 7], dirty);
        Assert.Equal([2, 3, 4], zero);
        Assert.Equal(_site.Expected(disk), await _site.ReadBackupAsync(backup, disk));
        await _site.Storage.StopBackupAsync(backup, StorageSite.Token).WithinDeadline();
    }

    [Fact]
    public async Task SeveralDisks_AreOnePointInTimeAndKeepTheirOwnCheckpoints()
    {
        var (one, two) = (await _site.NewDiskAsync(), await _site.NewDiskAsync());
        await _site.StartAsync(one);
        var checkpoint = await _site.CheckpointAsync(one);
        await _site.Storage.HotPlugAsync(_site.Vm, two, StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(one, 1, 1);
        await _site.WriteAsync(two, 2, 2);

        var spec = new BackupSpec(Guid.NewGuid(), _site.Vm, Guid.NewGuid(), [new BackupDisk(one, checkpoint), new BackupDisk(two, null)]);
        await _site.Storage.StartBackupAsync(spec, StorageSite.Token).WithinDeadline();
        var (expectedOne, expectedTwo) = (_site.Expected(one), _site.Expected(two));
        await _site.WriteAsync(one, 1, 7);
        await _site.WriteAsync(two, 2, 7);

        var (dirtyOne, _) = await _site.DirtyAsync(spec.BackupId, one);
        Assert.Equal([1], dirtyOne);
        Assert.Equal(expectedOne, await _site.ReadBackupAsync(spec.BackupId, one));
        Assert.Equal(expectedTwo, await _site.ReadBackupAsync(spec.BackupId, two));
        await _site.Storage.StopBackupAsync(spec.BackupId, StorageSite.Token).WithinDeadline();

        var (dirty, _) = await _site.IncrementalAsync(spec.ToCheckpoint, two);
        Assert.Equal([2], dirty);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BitmapIsLost_IncrementalIsRefusedAndFullStartsAnew(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        var lost = await _site.CheckpointAsync(disk);
        await _site.Storage.LoseBitmapAsync(lost, disk, StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(disk, 3, 3);

        await AssertUnusableAsync(lost, disk);
        Assert.Empty(_site.Storage.Leftovers());

        var fresh = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 4, 4);
        var (dirty, _) = await _site.IncrementalAsync(fresh, disk);
        Assert.Equal([4], dirty);
        await AssertUnusableAsync(lost, disk);
    }

    [Fact]
    public async Task VmCrashes_ItsCheckpointsAreUnusableUntilTheNextFullBackup()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        var before = await _site.CheckpointAsync(disk);
        await _site.StopAsync(clean: false);

        await AssertUnusableAsync(before, disk);
        await _site.StartAsync(disk);
        await AssertUnusableAsync(before, disk);

        var fresh = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 9, 9);
        var (dirty, _) = await _site.IncrementalAsync(fresh, disk);
        Assert.Equal([9], dirty);
    }

    [Fact]
    public async Task VmCrashesDuringBackup_BackupEndsAndNothingStays()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        var (backup, _) = await _site.BackUpAsync(null, disk);
        await using (await _site.Storage.OpenExportAsync(new ExportSpec(ExportKind.Backup, disk, null, backup, Writable: false), StorageSite.Token).WithinDeadline())
        {
            await _site.StopAsync(clean: false);
        }

        await _site.Storage.StopBackupAsync(backup, StorageSite.Token).WithinDeadline();
        Assert.Empty(_site.Storage.Leftovers());
        await _site.StartAsync(disk);
        await _site.AssertContentAsync(disk);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CheckpointIsRemoved_ItsPredecessorTakesOverItsBlocks(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        var first = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 1, 1);
        var second = await _site.CheckpointAsync(disk);
        await _site.WriteAsync(disk, 2, 2);
        await _site.Storage.RemoveCheckpointAsync(second, first, [disk], StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(disk, 3, 3);

        await AssertUnusableAsync(second, disk);
        var (dirty, third) = await _site.IncrementalAsync(first, disk);
        Assert.Equal([1, 2, 3], dirty);

        await _site.Storage.RemoveCheckpointAsync(first, null, [disk], StorageSite.Token).WithinDeadline();
        await _site.WriteAsync(disk, 4, 4);
        var (afterwards, _) = await _site.IncrementalAsync(third, disk);
        Assert.Equal([4], afterwards);
    }

    private async Task AssertUnusableAsync(Guid checkpoint, Guid disk)
    {
        var refused = await Assert.ThrowsAsync<StorageException>(() => _site.BackUpAsync(checkpoint, disk));
        Assert.Equal(StorageFailure.CheckpointUnusable, refused.Failure);
    }
}
