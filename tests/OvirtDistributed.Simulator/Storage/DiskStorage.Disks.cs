// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    /// <summary>Sizes are whole sectors, as on a real domain.</summary>
    private const long SectorBytes = 512;

    public Task CreateDiskAsync(DiskSpec spec, CancellationToken cancellationToken) =>
        MakeAsync(spec, disk => _qemuImg.CreateAsync(disk.DataPathOf(disk.Record.Active), spec.Format, spec.VirtualSizeBytes, cancellationToken));

    public async Task DeleteDiskAsync(Guid diskId, CancellationToken cancellationToken)
    {
        if (!_disks.ContainsKey(diskId))
        {
            return;
        }

        try
        {
            using var hold = await HoldAsync(diskId, cancellationToken);
            hold.Only.RequireStopped("removal");
            hold.Only.RequireIdle("removal");
            hold.Only.RequireNoDevice("removal", hold.Only.Devices);
            Unregister(hold.Only);
        }
        catch (StorageException e) when (e.Failure == StorageFailure.NotFound)
        {
            // Someone else has removed it meanwhile.
        }
    }

    public async Task ResizeDiskAsync(Guid diskId, long virtualSizeBytes, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        disk.RequireIdle("a change of size");
        if (virtualSizeBytes < disk.Record.Active.VirtualSizeBytes || virtualSizeBytes % SectorBytes != 0)
        {
            throw new StorageException(
                StorageFailure.ToolFailed,
                $"Disk {diskId} has {disk.Record.Active.VirtualSizeBytes} bytes and cannot become {virtualSizeBytes}: it can only grow, to a multiple of {SectorBytes}.");
        }

        // A block device keeps the size it was made with.
        disk.RequireNoDevice("a change of size", [null]);
        if (disk.Vm is { } vm)
        {
            await vm.ResizeAsync(diskId, virtualSizeBytes);
        }
        else
        {
            await _qemuImg.ResizeAsync(disk.ActivePath, disk.Record.Active.Format, virtualSizeBytes, CancellationToken.None);
        }

        disk.Update(disk.Record with { Layers = [.. disk.Record.Layers.SkipLast(1), disk.Record.Active with { VirtualSizeBytes = virtualSizeBytes }] });
    }

    public async Task ConvertDiskAsync(Guid diskId, VolumeFormat format, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        disk.RequireStopped("conversion");
        disk.RequireIdle("conversion");
        if (disk.Record.Layers.Count != 1)
        {
            throw new StorageException(StorageFailure.Busy, $"Disk {diskId} has {disk.Record.Layers.Count} volumes; remove its snapshots before converting it.");
        }

        var old = disk.Record.Active;
        var file = DataFile(disk.Record.NextFile);
        var target = Path.Combine(disk.Directory, file);
        try
        {
            await _qemuImg.ConvertAsync(disk.ActivePath, QemuImg.FormatName(old.Format), target, format, cancellationToken);
        }
        catch
        {
            File.Delete(target);
            throw;
        }

        disk.Link(old.ImageId, file);
        disk.Update(disk.Record with
        {
            Layers = [old with { File = file, Format = format, Bitmaps = [] }],
            Checkpoints = [],
            NextFile = disk.Record.NextFile + 1,
        });
        File.Delete(Path.Combine(disk.Directory, old.File));
    }

    public async Task<IReadOnlyList<VolumeState>> GetChainAsync(Guid diskId, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var disk = hold.Only;
        var states = new List<VolumeState>();
        Guid? parent = null;
        foreach (var layer in disk.Record.Layers)
        {
            // A preallocated volume is sparse here as well, so that huge disks cost nothing; it is reported as the domain would.
            var actual = layer.Sparse ? FileUsage.AllocatedBytes(disk.PathOf(layer)) : layer.VirtualSizeBytes;
            states.Add(new VolumeState(diskId, layer.ImageId, parent, layer.Format, layer.Sparse, layer.VirtualSizeBytes, actual, layer.TemplateDisk));
            parent = layer.ImageId;
        }

        return states;
    }

    public async Task CloneDiskAsync(Guid diskId, Guid? imageId, DiskSpec target, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        var source = hold.Only;
        var layer = imageId is { } id ? source.Record.Layers[source.Record.IndexOf(id)] : source.Record.Active;
        await MakeAsync(target with { VirtualSizeBytes = layer.VirtualSizeBytes }, async disk =>
        {
            await CopyOutAsync(source, layer, disk.DataPathOf(disk.Record.Active), target.Format, cancellationToken);
            if (target.VirtualSizeBytes > layer.VirtualSizeBytes)
            {
                await _qemuImg.ResizeAsync(disk.DataPathOf(disk.Record.Active), target.Format, target.VirtualSizeBytes, cancellationToken);
                disk.Update(disk.Record with { Layers = [disk.Record.Active with { VirtualSizeBytes = target.VirtualSizeBytes }] });
            }
        });
    }

    public async Task StandOnAsync(Guid templateDiskId, DiskSpec target, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(templateDiskId, cancellationToken);
        var template = hold.Only;
        var shared = template.Record.Layers is [var only]
            ? only with { File = $"t-{only.File}", TemplateDisk = templateDiskId }
            : throw new StorageException(StorageFailure.ToolFailed, $"Disk {templateDiskId} has snapshots and cannot be a template's.");
        await MakeAsync(target with { Format = VolumeFormat.Cow, VirtualSizeBytes = shared.VirtualSizeBytes }, async disk =>
        {
            HardLink.Create(template.DataPathOf(only), disk.DataPathOf(shared));
            disk.Link(shared.ImageId, shared.File);
            await _qemuImg.CreateOverlayAsync(
                disk.DataPathOf(disk.Record.Active), DiskEntry.VolumeName(shared.ImageId), shared.Format, shared.VirtualSizeBytes, cancellationToken);
            disk.Update(disk.Record with { Layers = [shared, disk.Record.Active] });
        });
    }

    public async Task CopyToFileAsync(Guid diskId, string file, VolumeFormat format, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(diskId, cancellationToken);
        await CopyOutAsync(hold.Only, hold.Only.Record.Active, file, format, cancellationToken);
    }

    public Task CopyFromFileAsync(string file, VolumeFormat format, DiskSpec target, CancellationToken cancellationToken) => MakeAsync(
        target, disk => _qemuImg.ConvertAsync(file, QemuImg.FormatName(format), disk.DataPathOf(disk.Record.Active), target.Format, cancellationToken));

    public async Task SaveReferenceAsync(Guid diskId, string rawFilePath, CancellationToken cancellationToken)
    {
        // Guest writes wait behind the disk's gate, so the copy is of one point in time.
        using var hold = await HoldAsync(diskId, cancellationToken);
        await CopyOutAsync(hold.Only, hold.Only.Record.Active, rawFilePath, VolumeFormat.Raw, cancellationToken);
    }

    /// <summary>Copies the chain up to a layer; the active layer of a running VM through its NBD server, because its file is not readable then.</summary>
    private Task CopyOutAsync(DiskEntry disk, LayerRecord layer, string target, VolumeFormat format, CancellationToken cancellationToken)
    {
        if (disk.Vm is { } vm && layer == disk.Record.Active)
        {
            var live = vm.Disk(disk.Id);
            return _qemuImg.ConvertAsync($"nbd+unix:///{live.ExportName}?socket={Uri.EscapeDataString(vm.NbdPath)}", "raw", target, format, cancellationToken);
        }

        return _qemuImg.ConvertAsync(disk.PathOf(layer), QemuImg.FormatName(layer.Format), target, format, cancellationToken);
    }

    /// <summary>A new disk, which is there once <paramref name="fill"/> has made its files, and not at all when that fails.</summary>
    private async Task MakeAsync(DiskSpec spec, Func<DiskEntry, Task> fill)
    {
        var disk = Register(spec);
        try
        {
            await fill(disk);
            Complete(disk);
        }
        catch
        {
            Unregister(disk);
            throw;
        }
        finally
        {
            _ = disk.Gate.Release();
        }
    }

    /// <summary>Makes the entry of a new disk, with its gate held. End with <see cref="Complete"/> or <see cref="Unregister"/>.</summary>
    private DiskEntry Register(DiskSpec spec)
    {
        if (spec.VirtualSizeBytes <= 0 || spec.VirtualSizeBytes % SectorBytes != 0)
        {
            throw new StorageException(StorageFailure.ToolFailed, $"Disk {spec.DiskId}: the size {spec.VirtualSizeBytes} is no positive multiple of {SectorBytes}.");
        }

        var directory = Path.Combine(_images, spec.DiskId.ToString("D"));
        var layer = new LayerRecord
        {
            ImageId = spec.ImageId,
            File = DataFile(1),
            Format = spec.Format,
            Sparse = spec.Sparse,
            VirtualSizeBytes = spec.VirtualSizeBytes,
            Bitmaps = [],
        };
        var disk = new DiskEntry(directory, new DiskRecord { DiskId = spec.DiskId, Layers = [layer], Checkpoints = [], NextFile = 2 });
        if (!disk.Gate.Wait(0, CancellationToken.None) || !_disks.TryAdd(spec.DiskId, disk))
        {
            throw new StorageException(StorageFailure.AlreadyExists, $"There is a disk {spec.DiskId} already.");
        }

        _ = Directory.CreateDirectory(directory);
        return disk;
    }

    private static void Complete(DiskEntry disk)
    {
        disk.Link(disk.Record.Active.ImageId, disk.Record.Active.File);
        disk.Update(disk.Record);
    }

    private void Unregister(DiskEntry disk)
    {
        disk.Deleted = true;
        _ = _disks.TryRemove(disk.Id, out _);
        if (Directory.Exists(disk.Directory))
        {
            Directory.Delete(disk.Directory, recursive: true);
        }
    }

    private static string DataFile(int number) => "v" + QemuImg.Number(number);
}
