// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Nbd;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    /// <summary>What an uploaded qcow2 file may have beyond a tenth of its virtual size: header, tables and bitmaps of small disks.</summary>
    private const long UploadAllowanceBytes = 64 * 1024 * 1024;

    public async Task<IDiskExport> OpenExportAsync(ExportSpec spec, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(spec.DiskId, cancellationToken);
        var disk = hold.Only;
        if (spec.Writable)
        {
            RequireWritable(disk, spec);
        }
        else if (disk.HasWriter)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {disk.Id} is being written by another export.");
        }

        var export = spec.Kind switch
        {
            ExportKind.Backup => await OpenBackupAsync(disk, spec, cancellationToken),
            ExportKind.File => OpenFile(disk, spec),
            _ => await OpenLayersAsync(disk, spec, cancellationToken),
        };
        _exports[export] = export.Url;
        disk.HasWriter |= spec.Writable;
        disk.Readers += spec.Writable ? 0 : 1;
        return export;
    }

    private static void RequireWritable(DiskEntry disk, ExportSpec spec)
    {
        disk.RequireStopped("an upload");
        disk.RequireIdle("an upload");
        if (spec.Kind is not (ExportKind.Chain or ExportKind.File) || (spec.ImageId is { } image && image != disk.Record.Active.ImageId))
        {
            throw new StorageException(StorageFailure.ToolFailed, $"Disk {disk.Id}: only the active layer can be written, as a whole disk or as a file.");
        }
    }

    private static LayerRecord LayerOf(DiskEntry disk, ExportSpec spec)
    {
        var layer = spec.ImageId is { } image ? disk.Record.Layers[disk.Record.IndexOf(image)] : disk.Record.Active;
        return disk.Vm is { } vm && layer == disk.Record.Active
            ? throw new StorageException(StorageFailure.Busy, $"Disk {disk.Id} is in use by the running VM {vm.VmId}: export a snapshot or a backup of it.")
            : layer;
    }

    private async Task<DiskExport> OpenLayersAsync(DiskEntry disk, ExportSpec spec, CancellationToken cancellationToken)
    {
        var layer = LayerOf(disk, spec);
        var server = await NbdServer.StartAsync(
            _options,
            new NbdServerSpec(disk.PathOf(layer), layer.Format, spec.Writable, spec.Kind == ExportKind.Layer, layer.Sparse, Bitmap: null),
            NextRunFile("e", ".sock"),
            _timeProvider,
            cancellationToken);
        return Served(disk, server, layer.VirtualSizeBytes, hasDirtyExtents: false, spec.Writable);
    }

    private DiskExport Served(DiskEntry disk, NbdServer server, long sizeBytes, bool hasDirtyExtents, bool writable) =>
        new(new NbdAddress(server.SocketPath, string.Empty).ToString(), sizeBytes, hasDirtyExtents, export => CloseAsync(export, disk, writable, async () => await server.DisposeAsync()));

    private async Task<DiskExport> OpenBackupAsync(DiskEntry disk, ExportSpec spec, CancellationToken cancellationToken)
    {
        if (spec.BackupId is not { } id || !_backups.TryGetValue(id, out var backup) || !backup.Disks.TryGetValue(disk.Id, out var entry))
        {
            throw new StorageException(StorageFailure.NotFound, $"Disk {disk.Id} is not in a backup {spec.BackupId}.");
        }

        if (disk.Readers > 0)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {disk.Id} of backup {id} is exported already; a dirty bitmap can be in one export only.");
        }

        var active = disk.Record.Active;
        if (backup.Vm is null)
        {
            var layer = disk.Record.Layers[disk.Record.IndexOf(entry.Image!.Value)];
            var server = await NbdServer.StartAsync(
                _options,
                new NbdServerSpec(
                    entry.ScratchFile ?? disk.PathOf(layer), entry.ScratchFile is null ? layer.Format : VolumeFormat.Cow, Writable: false, LayerOnly: false, DeallocateZeroes: false, entry.Bitmap),
                NextRunFile("e", ".sock"),
                _timeProvider,
                cancellationToken);
            return Served(disk, server, layer.VirtualSizeBytes, entry.Bitmap is not null, writable: false);
        }

        var vm = FindVm(backup.VmId);
        if (vm != backup.Vm)
        {
            throw new StorageException(StorageFailure.NotFound, $"Backup {id} ended when VM {backup.VmId} stopped.");
        }

        var name = vm.NextName("export");
        await vm.ExportAsync(name, entry.ScratchNode!, name, writable: false, entry.Bitmap);
        return new DiskExport(
            new NbdAddress(vm.NbdPath, name).ToString(),
            active.VirtualSizeBytes,
            entry.Bitmap is not null,
            export => CloseAsync(export, disk, writable: false, () => vm.HasEnded ? Task.CompletedTask : vm.UnexportAsync(name)));
    }

    private DiskExport OpenFile(DiskEntry disk, ExportSpec spec)
    {
        var layer = LayerOf(disk, spec);
        var file = disk.PathOf(layer);
        var length = new FileInfo(Path.Combine(disk.Directory, layer.File)).Length;
        var size = !spec.Writable ? length
            : layer.Format == VolumeFormat.Raw ? layer.VirtualSizeBytes
            : (layer.VirtualSizeBytes / 10 * 11) + UploadAllowanceBytes;
        return new DiskExport("file://" + file, size, hasDirtyExtents: false, export =>
            CloseAsync(export, disk, spec.Writable, () => spec.Writable ? TakeUploadAsync(disk) : Task.CompletedTask));
    }

    /// <summary>An uploaded file brings its own virtual size.</summary>
    private async Task TakeUploadAsync(DiskEntry disk)
    {
        try
        {
            var info = await _qemuImg.InfoAsync(disk.ActivePath, CancellationToken.None);
            var active = disk.Record.Active with { VirtualSizeBytes = info.GetProperty("virtual-size").GetInt64(), Bitmaps = [] };
            disk.Update(disk.Record with { Layers = [.. disk.Record.Layers.SkipLast(1), active] });
        }
        catch (StorageException e)
        {
            Log.UploadUnreadable(_logger, disk.Id, e.Message);
        }
    }

    private async Task CloseAsync(DiskExport export, DiskEntry disk, bool writable, Func<Task> close)
    {
        await disk.Gate.WaitAsync(CancellationToken.None);
        try
        {
            await close();
        }
        finally
        {
            disk.HasWriter &= !writable;
            disk.Readers -= writable ? 0 : 1;
            _ = _exports.TryRemove(export, out _);
            _ = disk.Gate.Release();
        }
    }
}
