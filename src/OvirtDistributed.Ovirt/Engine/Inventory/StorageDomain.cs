// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public enum StorageDomainStatus
{
    Unknown,
    Active,
    Inactive,
    Locked,
    Mixed,
    Unattached,
    Maintenance,
    PreparingForMaintenance,
    Detaching,
    Activating,
}

public enum StorageDomainType
{
    Unknown,
    Data,
    Iso,
    Export,
    Image,
    Volume,
    ManagedBlockStorage,
}

public enum StorageType
{
    Unknown,
    Nfs,
    Posixfs,
    Glusterfs,
    Localfs,
    Iscsi,
    Fcp,
    Glance,
    Cinder,
    ManagedBlockStorage,
}

/// <summary>Where a storage domain's data lies.</summary>
public sealed record StorageLocation(StorageType Type, string? Address, string? Path);

/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Type">Only data domains hold disks of VMs.</param>
/// <param name="Status">As seen from a data center when listed through one; otherwise only known while unattached.</param>
/// <param name="Location">Its storage.</param>
/// <param name="AvailableBytes">Free space, rounded to GiB by the engine.</param>
/// <param name="UsedBytes">Used space, rounded to GiB by the engine.</param>
/// <param name="CommittedBytes">What thin disks may grow to, rounded to GiB by the engine.</param>
/// <param name="DataCenters">Data centers it is attached to.</param>
/// <param name="Backup">A domain for backups only: its disks cannot be plugged into running VMs.</param>
/// <param name="BlockSizeBytes">Logical block size.</param>
public sealed record StorageDomain(
    StorageDomainId Id,
    string Name,
    StorageDomainType Type,
    StorageDomainStatus Status,
    StorageLocation Location,
    long? AvailableBytes,
    long? UsedBytes,
    long? CommittedBytes,
    IReadOnlyList<DataCenterId> DataCenters,
    bool Backup,
    long? BlockSizeBytes);
