// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>How a disk of a point is created on a storage domain: what was asked, else what it was, changed only where the storage demands it.</summary>
internal static class RestoreDiskPlanner
{
    /// <summary>Decides; every change from what was asked comes with a note for the operator.</summary>
    public static (RestoreDiskPlan Plan, IReadOnlyList<string> Notes) Plan(
        ManifestDisk disk, EngineDisk? original, EngineStorageDomain domain, RestoreDetails request, EngineCapabilities? manager = null)
    {
        var can = manager ?? EngineCapabilities.Newest;
        var format = (request.Format.Length > 0 ? request.Format : disk.Format ?? "cow") == "raw" ? DiskFormat.Raw : DiskFormat.Cow;
        var sparse = request.Allocation.Length > 0 ? request.Allocation == "sparse" : disk.Sparse ?? true;
        var limits = new List<string>();
        if (format == DiskFormat.Cow && !can.TransferFormat && request.TransportMode is "" or TransportModes.ImageTransfer)
        {
            // Such a manager gives the bytes of the volume's file to write, which are the disk's content in a raw one only.
            format = DiskFormat.Raw;
            limits.Add("Format is changed from cow to raw: managers before 4.3.5 take the content of a disk over an image transfer into raw disks only. Another --mode keeps it.");
        }

        var incremental = format == DiskFormat.Cow && (original?.IncrementalEnabled ?? false);
        if (incremental && !can.Backups)
        {
            incremental = false;
            limits.Add("Incremental backup is switched off: it came with 4.4.");
        }

        var storage = StorageTypeOf(domain);
        var (legal, changes) = new DiskConfiguration(format, sparse, incremental).LegalOn(storage);
        var plan = new RestoreDiskPlan
        {
            StorageDomainId = domain.Id,
            Format = legal.Format == DiskFormat.Raw ? "raw" : "cow",
            Sparse = legal.Sparse,
            IncrementalEnabled = legal.IncrementalBackup,
            InitialSizeBytes = InitialSizeOf(legal, domain, disk.Root.DiskSize),
            ReadsAsZero = legal.StartsZeroedOn(storage),
            Interface = disk.Interface ?? "virtio_scsi",
            Bootable = disk.Bootable,
            WipeAfterDelete = original?.WipeAfterDelete ?? false,
            Description = original?.Description ?? "",
        };
        return (plan, [.. limits.Concat(changes).Select(change => $"disk {disk.Alias} on {domain.Name}: {change}")]);
    }

    /// <summary>Nobody extends a volume on block storage during an upload, so it must hold all that may come: the disk, and a tenth for cow's tables.</summary>
    private static long? InitialSizeOf(DiskConfiguration configuration, EngineStorageDomain domain, long sizeBytes) =>
        domain.IsBlock && configuration is { Format: DiskFormat.Cow, Sparse: true } ? sizeBytes + (sizeBytes / 10) : null;

    private static StorageType StorageTypeOf(EngineStorageDomain domain) =>
        Enum.GetValues<StorageType>().FirstOrDefault(type => OvirtEngine.Word(type) == domain.StorageType);
}
