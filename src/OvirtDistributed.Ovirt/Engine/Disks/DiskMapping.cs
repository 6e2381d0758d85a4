// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Disks;

internal static class DiskMapping
{
    public static Disk ToDisk(DiskDto dto)
    {
        var storageDomains = WireValue.Ids<StorageDomainId>(dto.StorageDomains, "disk.storage_domains.id");
        if (storageDomains.Count == 0 && WireValue.OptionalId<StorageDomainId>(dto.StorageDomain, "disk.storage_domain.id") is { } single)
        {
            storageDomains = [single];
        }

        return new Disk
        {
            Id = WireValue.Id<DiskId>(dto.Id, "disk.id"),
            Name = dto.Alias ?? dto.Name ?? string.Empty,
            Description = dto.Description,
            Status = WireValue.Word<DiskStatus>(dto.Status),
            Image = WireValue.OptionalId<ImageId>(dto.ImageId, "disk.image_id"),
            ProvisionedSizeBytes = NotNegative(dto.ProvisionedSize, "disk.provisioned_size"),
            ActualSizeBytes = NotNegative(dto.ActualSize, "disk.actual_size"),
            TotalSizeBytes = dto.TotalSize,
            Format = WireValue.Word<DiskFormat>(dto.Format),
            Sparse = dto.Sparse ?? false,
            Backup = WireValue.Word<DiskBackup>(dto.Backup),
            BackupMode = WireValue.Word<DiskBackupMode>(dto.BackupMode),
            // Both are left out by old engines for the ordinary kind.
            ContentType = dto.ContentType is null ? DiskContentType.Data : WireValue.Word<DiskContentType>(dto.ContentType),
            StorageType = dto.StorageType is null ? DiskStorageType.Image : WireValue.Word<DiskStorageType>(dto.StorageType),
            Shareable = dto.Shareable ?? false,
            WipeAfterDelete = dto.WipeAfterDelete ?? false,
            StorageDomains = storageDomains,
            Profile = WireValue.OptionalId<DiskProfileId>(dto.DiskProfile, "disk.disk_profile.id"),
            Snapshot = WireValue.OptionalId<SnapshotId>(dto.Snapshot, "disk.snapshot.id"),
        };
    }

    public static DiskSnapshot ToDiskSnapshot(DiskSnapshotDto dto) => new(
        WireValue.Id<ImageId>(dto.Id, "disk_snapshot.id"),
        WireValue.OptionalId<DiskId>(dto.Disk, "disk_snapshot.disk.id"),
        WireValue.OptionalId<ImageId>(dto.Parent, "disk_snapshot.parent.id"),
        WireValue.OptionalId<SnapshotId>(dto.Snapshot, "disk_snapshot.snapshot.id"),
        WireValue.Word<DiskStatus>(dto.Status),
        WireValue.Word<DiskFormat>(dto.Format),
        dto.Sparse ?? false,
        dto.ProvisionedSize,
        dto.ActualSize,
        WireValue.OptionalId<StorageDomainId>(dto.StorageDomain, "disk_snapshot.storage_domain.id"));

    private static long NotNegative(long? value, string field) =>
        value is < 0 ? throw new JsonException($"{field} is negative.") : value ?? 0;
}
