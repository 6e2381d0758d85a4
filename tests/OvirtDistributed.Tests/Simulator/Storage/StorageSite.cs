// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Simulator.Storage;
using OvirtDistributed.Simulator.Storage.Nbd;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Simulator.Storage;

/// <summary>A storage in a directory of its own, with a copy in memory of what each disk must hold.</summary>
public sealed class StorageSite : IAsyncDisposable
{
    public const int Block = 64 * 1024;
    public const long DiskBytes = 4L * 1024 * 1024;

    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<Guid, byte[]> _expected = [];

    public StorageSite()
    {
        Storage = Open();
    }

    public DiskStorage Storage { get; private set; }

    public Guid Vm { get; } = Guid.NewGuid();

    public static CancellationToken Token => TestContext.Current.CancellationToken;

    public string File(string name) => _directory.File(name);

    public async Task<Guid> NewDiskAsync(VolumeFormat format = VolumeFormat.Cow, long sizeBytes = DiskBytes)
    {
        var disk = Guid.NewGuid();
        await Storage.CreateDiskAsync(new DiskSpec(disk, Guid.NewGuid(), format, Sparse: true, sizeBytes), Token).WithinDeadline();
        _expected[disk] = new byte[sizeBytes];
        return disk;
    }

    public Task StartAsync(params Guid[] disks) => Storage.StartVmAsync(Vm, disks, Token).WithinDeadline();

    public Task StopAsync(bool clean = true) => Storage.StopVmAsync(Vm, clean, Token).WithinDeadline();

    /// <summary>The guest writes blocks full of <paramref name="value"/>.</summary>
    public async Task WriteAsync(Guid disk, int block, byte value, int blocks = 1)
    {
        var data = new byte[blocks * Block];
        Array.Fill(data, value);
        await Storage.GuestWriteAsync(disk, (long)block * Block, data, Token).WithinDeadline();
        data.CopyTo(_expected[disk], block * Block);
    }

    public async Task TrimAsync(Guid disk, int block, int blocks = 1)
    {
        await Storage.GuestTrimAsync(disk, (long)block * Block, (long)blocks * Block, Token).WithinDeadline();
        _expected[disk].AsSpan(block * Block, blocks * Block).Clear();
    }

    /// <summary>What the disk must hold now.</summary>
    public byte[] Expected(Guid disk) => [.. _expected[disk]];

    public void Expect(Guid disk, byte[] content) => _expected[disk] = [.. content];

    public async Task<byte[]> ReadAsync(Guid disk)
    {
        var content = new byte[_expected[disk].Length];
        await Storage.GuestReadAsync(disk, 0, content, Token).WithinDeadline();
        return content;
    }

    public async Task AssertContentAsync(Guid disk) => Assert.Equal(Expected(disk), await ReadAsync(disk));

    public async Task<Guid> SnapshotAsync(params Guid[] disks)
    {
        var before = (await Storage.GetChainAsync(disks[0], Token).WithinDeadline())[^1].ImageId;
        await Storage.CreateSnapshotAsync(Vm, [.. disks.Select(d => (d, Guid.NewGuid()))], Token).WithinDeadline();
        return before;
    }

    /// <summary>Starts a backup of the disks and returns its id with the new checkpoint's.</summary>
    public async Task<(Guid Backup, Guid Checkpoint)> BackUpAsync(Guid? from, params Guid[] disks)
    {
        var (backup, checkpoint) = (Guid.NewGuid(), Guid.NewGuid());
        await Storage.StartBackupAsync(new BackupSpec(backup, Vm, checkpoint, [.. disks.Select(d => new BackupDisk(d, from))]), Token).WithinDeadline();
        return (backup, checkpoint);
    }

    /// <summary>Starts a hybrid backup; returns its id with the new checkpoint's and the layer that its snapshot has frozen.</summary>
    public async Task<(Guid Backup, Guid Checkpoint, Guid Frozen)> BackUpBySnapshotAsync(Guid? from, Guid disk)
    {
        var (backup, checkpoint) = (Guid.NewGuid(), Guid.NewGuid());
        var frozen = (await Storage.GetChainAsync(disk, Token).WithinDeadline())[^1].ImageId;
        await Storage.StartBackupAsync(new BackupSpec(backup, Vm, checkpoint, [new BackupDisk(disk, from, Guid.NewGuid())]), Token).WithinDeadline();
        return (backup, checkpoint, frozen);
    }

    /// <summary>A whole backup that only leaves its checkpoint behind.</summary>
    public async Task<Guid> CheckpointAsync(params Guid[] disks)
    {
        var (backup, checkpoint) = await BackUpAsync(null, disks);
        await Storage.StopBackupAsync(backup, Token).WithinDeadline();
        return checkpoint;
    }

    /// <summary>Numbers of the blocks a backup says have changed, and of those that read as zeroes.</summary>
    public async Task<(int[] Dirty, int[] Zero)> DirtyAsync(Guid backup, Guid disk)
    {
        await using var export = await Storage.OpenExportAsync(new ExportSpec(ExportKind.Backup, disk, null, backup, Writable: false), Token).WithinDeadline();
        Assert.True(export.HasDirtyExtents);
        var extents = await ExtentsAsync(export, dirty: true);
        return (Blocks(extents.Where(e => e.Dirty)), Blocks(extents.Where(e => e.Dirty && e.Zero)));
    }

    /// <summary>A whole cycle from a checkpoint: dirty blocks, with the content checked, and the next checkpoint.</summary>
    public async Task<(int[] Dirty, Guid Checkpoint)> IncrementalAsync(Guid from, Guid disk)
    {
        var (backup, checkpoint) = await BackUpAsync(from, disk);
        var (dirty, _) = await DirtyAsync(backup, disk);
        Assert.Equal(Expected(disk), await ReadBackupAsync(backup, disk));
        await Storage.StopBackupAsync(backup, Token).WithinDeadline();
        return (dirty, checkpoint);
    }

    public Task<byte[]> ReadBackupAsync(Guid backup, Guid disk) => ReadExportAsync(new ExportSpec(ExportKind.Backup, disk, null, backup, Writable: false));

    public async Task<byte[]> ReadExportAsync(ExportSpec spec)
    {
        await using var export = await Storage.OpenExportAsync(spec, Token).WithinDeadline();
        return await ReadAllAsync(export);
    }

    public static async Task<byte[]> ReadAllAsync(IDiskExport export)
    {
        await using var client = await NbdClient.ConnectAsync(NbdAddress.Parse(export.Url), wantDirtyBitmap: false, Token).WithinDeadline();
        Assert.Equal(export.SizeBytes, client.SizeBytes);
        var content = new byte[client.SizeBytes];
        await client.ReadAsync(0, content, Token).AsTask().WithinDeadline();
        return content;
    }

    public static async Task<List<ImageExtent>> ExtentsAsync(IDiskExport export, bool dirty)
    {
        await using var client = await NbdClient.ConnectAsync(NbdAddress.Parse(export.Url), dirty, Token).WithinDeadline();
        var extents = new List<ImageExtent>();
        await foreach (var extent in NbdExtentReader.ReadAsync(client, dirty, Token))
        {
            Assert.Equal(extents.Count == 0 ? 0 : extents[^1].EndBytes, extent.StartBytes);
            extents.Add(extent);
        }

        Assert.Equal(export.SizeBytes, extents[^1].EndBytes);
        return extents;
    }

    public static int[] Blocks(IEnumerable<ImageExtent> extents) =>
        [.. extents.SelectMany(e => Enumerable.Range((int)(e.StartBytes / Block), (int)((e.LengthBytes + Block - 1) / Block)))];

    /// <summary>Ends this storage and opens the same directory again.</summary>
    public async Task ReopenAsync()
    {
        await Storage.DisposeAsync();
        Storage = Open();
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            Assert.Empty(Storage.Leftovers());
        }
        finally
        {
            await Storage.DisposeAsync();
            _directory.Dispose();
        }
    }

    private DiskStorage Open() => DiskStorage.Open(_directory.File("data"), new DiskStorageOptions(), NullLoggerFactory.Instance, TimeProvider.System);
}
