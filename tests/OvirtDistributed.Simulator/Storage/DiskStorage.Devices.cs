// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Simulator.Storage.Devices;
using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    public long? DeviceReadLimit { get; set; }

    /// <remarks>
    /// As on a real host a snapshot's volume gets an overlay that lives as long as the device, so that its guest may write. The disk itself is reached through
    /// the process of its VM, where backups and snapshots of it go on seeing every write.
    /// </remarks>
    public async Task<IDiskDevice> OpenDeviceAsync(DeviceSpec spec, CancellationToken cancellationToken)
    {
        using var hold = await HoldAsync(spec.DiskId, cancellationToken);
        var disk = hold.Only;
        var overlay = spec.ImageId is null ? null : NextRunFile("o", ".qcow2");
        var file = NextRunFile("d", ".raw");
        FuseExport? export = null;
        try
        {
            var image = spec.ImageId is { } snapshot
                ? await TransientAsync(disk, disk.Record.IndexOf(snapshot), overlay!)
                : LiveImage(disk, FindVm(spec.VmId));
            export = await FuseExport.StartAsync(_options, image, file, !spec.ReadOnly, DeviceReadLimit, _timeProvider, cancellationToken);
            var loop = await LoopDevice.AttachAsync(_options.Losetup, export.File, spec.ReadOnly, _timeProvider, cancellationToken);
            var device = new DiskDevice(disk.Id, loop, export, overlay, gone => ForgetAsync(gone, disk, spec.ImageId));
            disk.Devices.Add(spec.ImageId);
            _devices[device] = disk.Id;
            return device;
        }
        catch
        {
            await (export?.DisposeAsync() ?? ValueTask.CompletedTask);
            if (overlay is not null)
            {
                File.Delete(overlay);
            }

            throw;
        }
    }

    private async Task ForgetAsync(DiskDevice device, DiskEntry disk, Guid? imageId)
    {
        await disk.Gate.WaitAsync(CancellationToken.None);
        _ = disk.Devices.Remove(imageId);
        _ = _devices.TryRemove(device, out _);
        _ = disk.Gate.Release();
    }

    private async Task<JsonObject> TransientAsync(DiskEntry disk, int index, string overlay)
    {
        var layer = disk.Record.Layers[index];
        await _qemuImg.CreateOverlayAsync(overlay, disk.DataPathOf(layer), layer.Format, layer.VirtualSizeBytes, CancellationToken.None);
        JsonNode? below = null;
        foreach (var part in disk.Record.Layers.Take(index + 1))
        {
            // Without a lock: bitmaps of the layer may be changed meanwhile, its data is not as long as the device is there.
            var node = ImageNode(part.Format, disk.DataPathOf(part), below);
            node["read-only"] = true;
            node["file"]!["locking"] = "off";
            below = node;
        }

        return ImageNode(VolumeFormat.Cow, overlay, below);
    }

    private static JsonObject ImageNode(VolumeFormat format, string file, JsonNode? backing)
    {
        var node = new JsonObject
        {
            ["driver"] = QemuImg.FormatName(format),
            ["discard"] = "unmap",
            ["file"] = new JsonObject { ["driver"] = "file", ["filename"] = file, ["discard"] = "unmap" },
        };
        if (format == VolumeFormat.Cow)
        {
            node["backing"] = backing;
        }

        return node;
    }

    private static JsonObject LiveImage(DiskEntry disk, VmProcess vm) =>
        disk.Vm == vm
            ? new JsonObject
            {
                ["driver"] = "nbd",
                ["discard"] = "unmap",
                ["server"] = new JsonObject { ["type"] = "unix", ["path"] = vm.NbdPath },
                ["export"] = vm.Disk(disk.Id).ExportName,
            }
            : throw new StorageException(StorageFailure.NotFound, $"Disk {disk.Id} is not plugged to VM {vm.VmId}.");
}
