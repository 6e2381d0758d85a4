// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Storage.Nbd;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Storage;

public sealed class DiskTests : IAsyncLifetime
{
    private readonly StorageSite _site = new();

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _site.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DiskGrows_ContentStaysAndTheNewPartIsZero(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        await _site.WriteAsync(disk, 0, 1, blocks: 3);
        var checkpoint = await _site.CheckpointAsync(disk);
        await _site.Storage.ResizeDiskAsync(disk, 2 * StorageSite.DiskBytes, StorageSite.Token).WithinDeadline();
        _site.Expect(disk, [.. _site.Expected(disk), .. new byte[StorageSite.DiskBytes]]);
        await _site.WriteAsync(disk, (int)(StorageSite.DiskBytes / StorageSite.Block), 2);

        await _site.AssertContentAsync(disk);
        var (dirty, _) = await _site.IncrementalAsync(checkpoint, disk);
        Assert.Equal([(int)(StorageSite.DiskBytes / StorageSite.Block)], dirty);
        await Assert.ThrowsAsync<StorageException>(() => _site.Storage.ResizeDiskAsync(disk, StorageSite.DiskBytes, StorageSite.Token));
    }

    [Fact]
    public async Task DiskGrowsAboveASnapshot_OlderCheckpointIsRefused()
    {
        var disk = await _site.NewDiskAsync();
        var checkpoint = await _site.CheckpointAsync(disk);
        _ = await _site.SnapshotAsync(disk);
        await _site.Storage.ResizeDiskAsync(disk, 2 * StorageSite.DiskBytes, StorageSite.Token).WithinDeadline();

        var refused = await Assert.ThrowsAsync<StorageException>(() => _site.BackUpAsync(checkpoint, disk));
        Assert.Equal(StorageFailure.CheckpointUnusable, refused.Failure);
    }

    [Fact]
    public async Task Convert_ContentStaysAndCheckpointsAreGone()
    {
        var disk = await _site.NewDiskAsync(VolumeFormat.Raw);
        await _site.WriteAsync(disk, 7, 7);
        await _site.Storage.ConvertDiskAsync(disk, VolumeFormat.Cow, StorageSite.Token).WithinDeadline();
        await _site.AssertContentAsync(disk);

        var checkpoint = await _site.CheckpointAsync(disk);
        await _site.Storage.ConvertDiskAsync(disk, VolumeFormat.Raw, StorageSite.Token).WithinDeadline();
        await _site.AssertContentAsync(disk);
        await Assert.ThrowsAsync<StorageException>(() => _site.BackUpAsync(checkpoint, disk));
    }

    [Fact]
    public async Task CloneAndReferenceOfARunningVm_AreWhatTheGuestSees()
    {
        var disk = await _site.NewDiskAsync();
        await _site.StartAsync(disk);
        await _site.WriteAsync(disk, 3, 3);
        var snapshot = await _site.SnapshotAsync(disk);
        var then = _site.Expected(disk);
        await _site.WriteAsync(disk, 4, 4);

        var reference = _site.File("reference.raw");
        await _site.Storage.SaveReferenceAsync(disk, reference, StorageSite.Token).WithinDeadline();
        Assert.Equal(_site.Expected(disk), await File.ReadAllBytesAsync(reference, StorageSite.Token));

        foreach (var (layer, expected) in new[] { (default(Guid?), _site.Expected(disk)), (snapshot, then) })
        {
            var clone = new DiskSpec(Guid.NewGuid(), Guid.NewGuid(), VolumeFormat.Raw, Sparse: true, StorageSite.DiskBytes);
            await _site.Storage.CloneDiskAsync(disk, layer, clone, StorageSite.Token).WithinDeadline();
            var content = new byte[StorageSite.DiskBytes];
            await _site.Storage.GuestReadAsync(clone.DiskId, 0, content, StorageSite.Token).WithinDeadline();
            Assert.Equal(expected, content);
        }
    }

    [Fact]
    public async Task Upload_BytesArriveAndZeroesTakeNoSpace()
    {
        var disk = await _site.NewDiskAsync();
        var data = new byte[StorageSite.Block];
        Array.Fill(data, (byte)9);
        await using (var export = await _site.Storage.OpenExportAsync(new ExportSpec(ExportKind.Chain, disk, null, null, Writable: true), StorageSite.Token).WithinDeadline())
        {
            await using var client = await NbdClient.ConnectAsync(NbdAddress.Parse(export.Url), wantDirtyBitmap: false, StorageSite.Token).WithinDeadline();
            await client.WriteAsync(0, new byte[StorageSite.DiskBytes], StorageSite.Token).AsTask().WithinDeadline();
            await client.WriteAsync(StorageSite.Block, data, StorageSite.Token).AsTask().WithinDeadline();
            await client.FlushAsync(StorageSite.Token).AsTask().WithinDeadline();

            var busy = await Assert.ThrowsAsync<StorageException>(() => _site.StartAsync(disk));
            Assert.Equal(StorageFailure.Busy, busy.Failure);
        }

        var content = await _site.ReadAsync(disk);
        Assert.Equal(data, content[StorageSite.Block..(2 * StorageSite.Block)]);
        Assert.Equal(StorageSite.Block, content.Count(b => b != 0));
        var volume = (await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline())[0];
        Assert.InRange(volume.ActualSizeBytes, StorageSite.Block, 10 * StorageSite.Block);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ManyGuestWrites_AllArriveAndAreDirty(bool live)
    {
        var disk = await _site.NewDiskAsync();
        if (live)
        {
            await _site.StartAsync(disk);
        }

        var checkpoint = await _site.CheckpointAsync(disk);
        var expected = _site.Expected(disk);
        var blocks = Enumerable.Range(0, 32).Select(i => i * 2).ToArray();
        foreach (var block in blocks)
        {
            expected.AsSpan(block * StorageSite.Block, StorageSite.Block).Fill((byte)(block + 1));
        }

        await _site.Storage.GuestWriteManyAsync(
            disk,
            blocks.Select(b => ((long)b * StorageSite.Block, (ReadOnlyMemory<byte>)expected.AsMemory(b * StorageSite.Block, StorageSite.Block))),
            StorageSite.Token).WithinDeadline();

        _site.Expect(disk, expected);
        var (dirty, _) = await _site.IncrementalAsync(checkpoint, disk);
        Assert.Equal(blocks, dirty);
    }

    [Fact]
    public async Task HugeSparseDisk_CostsNothing()
    {
        const long Huge = 4L << 40;
        var disk = Guid.NewGuid();
        await _site.Storage.CreateDiskAsync(new DiskSpec(disk, Guid.NewGuid(), VolumeFormat.Cow, Sparse: true, Huge), StorageSite.Token).WithinDeadline();
        await _site.StartAsync(disk);
        var started = Stopwatch.GetTimestamp();
        await _site.Storage.GuestWriteAsync(disk, Huge - StorageSite.Block, new byte[] { 1, 2, 3 }, StorageSite.Token).WithinDeadline();
        var first = await _site.CheckpointAsync(disk);
        await _site.Storage.GuestWriteAsync(disk, Huge / 2, new byte[] { 4 }, StorageSite.Token).WithinDeadline();
        var (backup, _) = await _site.BackUpAsync(first, disk);
        await using (var export = await _site.Storage.OpenExportAsync(new ExportSpec(ExportKind.Backup, disk, null, backup, Writable: false), StorageSite.Token).WithinDeadline())
        {
            var dirty = Assert.Single(await StorageSite.ExtentsAsync(export, dirty: true), e => e.Dirty);
            Assert.Equal((Huge / 2, (long)StorageSite.Block), (dirty.StartBytes, dirty.LengthBytes));
            var data = (await StorageSite.ExtentsAsync(export, dirty: false)).Where(e => !e.Zero).Sum(e => e.LengthBytes);
            Assert.InRange(data, 2, 2 * StorageSite.Block);
        }

        await _site.Storage.StopBackupAsync(backup, StorageSite.Token).WithinDeadline();
        await _site.StopAsync();
        var used = (await _site.Storage.GetChainAsync(disk, StorageSite.Token).WithinDeadline()).Sum(v => v.ActualSizeBytes);
        Assert.InRange(used, 1, 32L << 20);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task GuestContent_IsTheSameForASeedAndSharedBetweenDisks()
    {
        const long Size = 32L << 20;
        var (one, again, other) = (await _site.NewDiskAsync(sizeBytes: Size), await _site.NewDiskAsync(sizeBytes: Size), await _site.NewDiskAsync(sizeBytes: Size));
        await _site.StartAsync(one, again);
        var written = await GuestContent.FillAsync(_site.Storage, one, new GuestContentOptions { Seed = 1 }, StorageSite.Token).WithinDeadline();
        await GuestContent.FillAsync(_site.Storage, again, new GuestContentOptions { Seed = 1 }, StorageSite.Token).WithinDeadline();
        await GuestContent.FillAsync(_site.Storage, other, new GuestContentOptions { Seed = 2 }, StorageSite.Token).WithinDeadline();

        var content = await _site.ReadAsync(one);
        Assert.Equal(content, await _site.ReadAsync(again));
        Assert.NotEqual(content, await _site.ReadAsync(other));
        Assert.InRange(written, Size / 4, Size / 2);
        var runs = content.Chunk(1 << 20).ToList();
        var shared = runs.Zip((await _site.ReadAsync(other)).Chunk(1 << 20)).Count(p => p.First.Any(b => b != 0) && p.First.SequenceEqual(p.Second));
        Assert.True(shared > 0, "disks of one site share blocks");
        Assert.True(runs.Count(r => r.All(b => b == 0)) > runs.Count / 3, "disks have holes");
    }

    [Fact]
    public async Task PredecessorWasKilled_ItsProcessesAreEndedAndItsScratchRemoved()
    {
        var run = Directory.CreateDirectory(_site.File("killed/run"));
        using var orphan = Process.Start(new ProcessStartInfo("qemu-storage-daemon")
        {
            ArgumentList = { "--chardev", $"socket,id=m,path={run.FullName}/q1.sock,server=on,wait=off", "--monitor", "chardev=m" },
        })!;
        await Deadline.UntilAsync(() => Task.FromResult(File.Exists(run.FullName + "/q1.sock")), "the orphan listens");
        await File.WriteAllTextAsync(run.FullName + "/scratch1.qcow2", "left over", StorageSite.Token);

        await using var storage = DiskStorage.Open(
            _site.File("killed"), new DiskStorageOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);

        await orphan.WaitForExitAsync(StorageSite.Token).WithinDeadline();
        Assert.Empty(storage.Leftovers());
    }

    [Fact]
    public async Task DataDirectoryTooDeepForSockets_VmsStartAllTheSame()
    {
        var deep = _site.File(string.Join('/', Enumerable.Repeat("a-rather-long-name", 6)));
        await using var storage = DiskStorage.Open(
            deep, new DiskStorageOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System);
        var (disk, vm) = (Guid.NewGuid(), Guid.NewGuid());
        await storage.CreateDiskAsync(new DiskSpec(disk, Guid.NewGuid(), VolumeFormat.Cow, Sparse: true, StorageSite.DiskBytes), StorageSite.Token).WithinDeadline();
        await storage.StartVmAsync(vm, [disk], StorageSite.Token).WithinDeadline();
        await storage.GuestWriteAsync(disk, 0, new byte[] { 1 }, StorageSite.Token).WithinDeadline();
        await storage.StopVmAsync(vm, clean: true, StorageSite.Token).WithinDeadline();
        Assert.Empty(storage.Leftovers());
    }

    [Fact]
    public async Task SecondStorageInADirectory_IsRefused()
    {
        var refused = Assert.Throws<StorageException>(() => DiskStorage.Open(
            _site.File("data"), new DiskStorageOptions(), Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, TimeProvider.System));
        Assert.Equal(StorageFailure.Busy, refused.Failure);
        await Task.CompletedTask;
    }
}
