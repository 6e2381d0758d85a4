// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.DiskAttachment;

/// <summary>
/// Finds the block device of a disk that the server has attached to this worker's VM. The disk's id is the device's serial; guests of older machine
/// types see its first 20 characters only. udev names links after it: <c>scsi-0QEMU_QEMU_HARDDISK_SERIAL</c>, <c>virtio-SERIAL</c>.
/// </summary>
/// <param name="directory">Where udev links devices by id.</param>
/// <param name="time">For the patience: a hot-plugged device takes seconds to appear.</param>
internal sealed class DeviceFinder(string directory, TimeProvider time)
{
    private const int ShortSerial = 20;

    private static readonly string[] Prefixes = ["scsi-0QEMU_QEMU_HARDDISK_", "scsi-SQEMU_QEMU_HARDDISK_", "virtio-", "ata-QEMU_HARDDISK_"];
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    /// <summary>Opens the device, and makes sure that it is this disk and that nothing else on the worker uses it.</summary>
    /// <param name="diskId">The disk.</param>
    /// <param name="sizeBytes">The size it must have.</param>
    /// <param name="writable">To restore to it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">It does not appear, is another disk, or is in use.</exception>
    public async Task<BlockDevice> OpenAsync(Guid diskId, long sizeBytes, bool writable, CancellationToken cancellationToken)
    {
        var path = await FindAsync(diskId, cancellationToken);
        CheckSerial(path, diskId);
        var device = BlockDevice.Open(path, writable);
        if (device.SizeBytes == sizeBytes)
        {
            return device;
        }

        device.Dispose();
        throw new TaskFailureException(
            FailureCode.BadOrder, $"Device {path} has {device.SizeBytes} bytes, disk {diskId} has {sizeBytes}: they are not the same disk, nothing was touched.");
    }

    private async Task<string> FindAsync(Guid diskId, CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        while (true)
        {
            var found = Candidates(diskId);
            switch (found.Count)
            {
                case 1:
                    return found[0];
                case > 1:
                    throw new TaskFailureException(
                        FailureCode.SourceFailed, $"Disk {diskId} could be {string.Join(" or ", found)}: their serials begin alike. Nothing was touched; use another worker.");
            }

            if (time.GetElapsedTime(started) > Patience)
            {
                throw new TaskFailureException(
                    FailureCode.SourceFailed,
                    $"Disk {diskId} was attached to the worker's VM, but no device of that serial appeared in {directory} within {Patience.TotalSeconds:0} s. "
                    + "Look whether the worker runs in the VM that it says it is (dmidecode -s system-uuid, or Worker:SystemUuid where that is set), and whether udev runs there; or choose another mode (--mode).");
            }

            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    /// <summary>Devices whose serial is the disk's id or the beginning of it; several links to one device count once.</summary>
    private List<string> Candidates(Guid diskId)
    {
        var id = diskId.ToString("D");
        if (!Directory.Exists(directory))
        {
            return [];
        }

        return [.. Directory.EnumerateFileSystemEntries(directory)
            .Where(link => IsOf(Path.GetFileName(link), id))
            .Select(link => File.ResolveLinkTarget(link, returnFinalTarget: true)?.FullName)
            .OfType<string>()
            .Where(File.Exists)
            .Distinct(StringComparer.Ordinal)];
    }

    private static bool IsOf(string name, string id)
    {
        var prefix = Prefixes.FirstOrDefault(prefix => name.StartsWith(prefix, StringComparison.Ordinal));
        return prefix is not null && IsSerialOf(name[prefix.Length..], id);
    }

    private static bool IsSerialOf(string serial, string id) => serial.Length >= ShortSerial && id.StartsWith(serial, StringComparison.OrdinalIgnoreCase);

    /// <summary>Links can be stale; what the device itself says counts where it says anything.</summary>
    private static void CheckSerial(string path, Guid diskId)
    {
        var serial = ReadSerial(Path.GetFileName(path));
        if (serial is not null && !IsSerialOf(serial, diskId.ToString("D")))
        {
            throw new TaskFailureException(FailureCode.SourceFailed, $"Device {path} was found for disk {diskId}, but says its serial is '{serial}': nothing was touched.");
        }
    }

    private static string? ReadSerial(string device)
    {
        const int PageHeader = 4;
        try
        {
            var virtio = string.Create(CultureInfo.InvariantCulture, $"/sys/class/block/{device}/serial");
            if (File.Exists(virtio))
            {
                return File.ReadAllText(virtio).Trim() is { Length: > 0 } text ? text : null;
            }

            // SCSI: the vital product data page 0x80.
            var scsi = string.Create(CultureInfo.InvariantCulture, $"/sys/class/block/{device}/device/vpd_pg80");
            var page = File.Exists(scsi) ? File.ReadAllBytes(scsi) : [];
            return page.Length > PageHeader ? System.Text.Encoding.ASCII.GetString(page.AsSpan(PageHeader)).Trim(' ', '\0') : null;
        }
        catch (IOException)
        {
            return null; // Gone again, or a device without one.
        }
    }
}
