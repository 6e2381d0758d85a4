// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Disks;

public enum DiskStatus
{
    Unknown,
    Ok,
    Locked,
    Illegal,
}

public enum DiskFormat
{
    Unknown,
    Raw,
    Cow,
}

public enum DiskStorageType
{
    Unknown,
    Image,
    Lun,
    Cinder,
    ManagedBlockStorage,
}

public enum DiskContentType
{
    Unknown,
    Data,
    OvfStore,
    MemoryDumpVolume,
    MemoryMetadataVolume,
    Iso,
    HostedEngine,
    HostedEngineSanlock,
    HostedEngineMetadata,
    HostedEngineConfiguration,
    BackupScratch,
}

/// <summary>The disk's setting for incremental backups. Not sent by an engine that does not know it: then <see cref="Unknown"/>.</summary>
public enum DiskBackup
{
    Unknown,
    None,
    Incremental,
}

/// <summary>How a disk takes part in a running backup.</summary>
public enum DiskBackupMode
{
    /// <summary>Not said: below cluster level 4.5, or not in a backup.</summary>
    Unknown,
    Full,
    Incremental,
}

public sealed record Disk
{
    public required DiskId Id { get; init; }

    public required string Name { get; init; }

    public string? Description { get; init; }

    public DiskStatus Status { get; init; }

    /// <summary>The active layer; of a disk listed through a snapshot, that snapshot's layer.</summary>
    public ImageId? Image { get; init; }

    /// <summary>What the guest sees.</summary>
    public long ProvisionedSizeBytes { get; init; }

    /// <summary>What the active layer takes on the storage.</summary>
    public long ActualSizeBytes { get; init; }

    /// <summary>What all layers take.</summary>
    public long? TotalSizeBytes { get; init; }

    public DiskFormat Format { get; init; }

    /// <summary>Thin; false means preallocated.</summary>
    public bool Sparse { get; init; }

    public DiskBackup Backup { get; init; }

    public DiskBackupMode BackupMode { get; init; }

    public DiskContentType ContentType { get; init; }

    public DiskStorageType StorageType { get; init; }

    public bool Shareable { get; init; }

    public bool WipeAfterDelete { get; init; }

    /// <summary>More than one only for disks of templates.</summary>
    public IReadOnlyList<StorageDomainId> StorageDomains { get; init; } = [];

    public DiskProfileId? Profile { get; init; }

    /// <summary>The snapshot through which the disk was listed.</summary>
    public SnapshotId? Snapshot { get; init; }
}
