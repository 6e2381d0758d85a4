// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>What udev in a guest calls the links to disks by their serial numbers.</summary>
internal static class DeviceName
{
    private const string Scsi = "scsi-0QEMU_QEMU_HARDDISK_";
    private const string Virtio = "virtio-";
    private const string Ata = "ata-QEMU_HARDDISK_";

    /// <summary>virtio-blk and ATA have no room for more.</summary>
    private const int ShortSerial = 20;

    public static string Of(string diskInterface, Guid diskId, int serialLength)
    {
        var serial = diskId.ToString("D");
        return diskInterface switch
        {
            "virtio" => Virtio + serial[..ShortSerial],
            "ide" or "sata" => Ata + serial[..ShortSerial],
            _ => Scsi + serial[..serialLength],
        };
    }

    public static bool IsOne(string fileName) =>
        fileName.StartsWith(Scsi, StringComparison.Ordinal) || fileName.StartsWith(Virtio, StringComparison.Ordinal) || fileName.StartsWith(Ata, StringComparison.Ordinal);
}
