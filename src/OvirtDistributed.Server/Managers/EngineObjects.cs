// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Managers;

internal sealed record EngineProductInfo(string Product, string Version);

internal sealed record EngineInventory
{
    public IReadOnlyList<EngineDataCenter> DataCenters { get; init; } = [];

    public IReadOnlyList<EngineCluster> Clusters { get; init; } = [];

    public IReadOnlyList<EngineHost> Hosts { get; init; } = [];

    public IReadOnlyList<EngineStorageDomain> StorageDomains { get; init; } = [];

    public IReadOnlyList<EngineNetwork> Networks { get; init; } = [];

    public IReadOnlyList<EngineVnicProfile> VnicProfiles { get; init; } = [];

    public IReadOnlyList<EngineTag> Tags { get; init; } = [];

    public IReadOnlyList<EngineVm> Vms { get; init; } = [];
}

internal sealed record EngineDataCenter(Guid Id, string Name);

internal sealed record EngineCluster(Guid Id, string Name, Guid DataCenterId, int LevelMajor, int LevelMinor)
{
    public string Level => $"{LevelMajor}.{LevelMinor}";

    /// <summary>Cold backups and full and incremental disks in one backup: cluster level 4.5 and later.</summary>
    public bool MixesFullAndIncremental => LevelMajor > 4 || (LevelMajor == 4 && LevelMinor >= 5);
}

internal sealed record EngineHost(Guid Id, string Name, string Address, string Status, Guid ClusterId);

/// <remarks>Types as the engine writes them: data, export, …; nfs, iscsi, fcp, …</remarks>
internal sealed record EngineStorageDomain(
    Guid Id, string Name, string Type, string StorageType, long AvailableBytes, long UsedBytes, IReadOnlyList<Guid> DataCenterIds)
{
    public bool IsBlock => StorageType is "iscsi" or "fcp";

    /// <summary>Of a domain of files: <c>address:path</c>, as hosts mount it.</summary>
    public string Location { get; init; } = "";
}

internal sealed record EngineNetwork(Guid Id, string Name, Guid DataCenterId);

internal sealed record EngineVnicProfile(Guid Id, string Name, Guid NetworkId);

/// <remarks>Names are unique on a manager. The root of all tags is nobody's to assign.</remarks>
internal sealed record EngineTag(Guid Id, string Name, Guid? ParentId);

internal sealed record EngineVm
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required Guid ClusterId { get; init; }

    /// <summary>up, down, … as the engine writes it.</summary>
    public required string Status { get; init; }

    /// <summary>The host that runs it.</summary>
    public Guid? HostId { get; init; }

    public string Description { get; init; } = "";

    public long MemoryBytes { get; init; }

    public int CpuSockets { get; init; } = 1;

    public int CpuCores { get; init; } = 1;

    public int CpuThreads { get; init; } = 1;

    public string OsType { get; init; } = "";

    public string BiosType { get; init; } = "";

    public bool HostedEngine { get; init; }

    /// <summary>Of another template than Blank.</summary>
    public bool FromTemplate { get; init; }

    public IReadOnlyList<EngineDisk> Disks { get; init; } = [];

    public IReadOnlyList<EngineNic> Nics { get; init; } = [];

    public IReadOnlyList<string> Tags { get; init; } = [];
}

internal sealed record EngineDisk
{
    public required Guid Id { get; init; }

    public required string Alias { get; init; }

    public string Description { get; init; } = "";

    /// <summary>ok, locked or illegal.</summary>
    public string Status { get; init; } = "ok";

    public long SizeBytes { get; init; }

    public long ActualBytes { get; init; }

    /// <summary>cow or raw.</summary>
    public string Format { get; init; } = "cow";

    public bool Sparse { get; init; } = true;

    public bool IncrementalEnabled { get; init; }

    public string ContentType { get; init; } = "data";

    /// <summary>image, lun, …</summary>
    public string StorageType { get; init; } = "image";

    public bool Shareable { get; init; }

    public bool WipeAfterDelete { get; init; }

    public Guid StorageDomainId { get; init; }

    // Of the attachment:
    public bool Active { get; init; } = true;

    public bool Bootable { get; init; }

    public string Interface { get; init; } = "virtio_scsi";
}

internal sealed record EngineNic
{
    public required string Name { get; init; }

    public string Interface { get; init; } = "virtio";

    public string? Mac { get; init; }

    public Guid? VnicProfileId { get; init; }

    /// <summary>Names, so that a restore elsewhere can map them.</summary>
    public string? VnicProfile { get; init; }

    public string? Network { get; init; }

    public bool Plugged { get; init; } = true;

    public bool Linked { get; init; } = true;
}

internal sealed record EngineBackupStart(
    Guid VmId, Guid BackupId, Guid CorrelationId, IReadOnlyList<Guid> Disks, Guid? FromCheckpointId, bool RequireConsistency, string Description);

internal enum EngineBackupPhase
{
    /// <summary>Not ready yet.</summary>
    Starting,
    Ready,
    Finalizing,
    Succeeded,
    Failed,
}

/// <remarks>ThroughSnapshot: The engine made a snapshot of its own (hybrid).</remarks>
internal sealed record EngineBackup(
    Guid Id, EngineBackupPhase Phase, string Description, Guid? ToCheckpointId, DateTimeOffset? Created, bool ThroughSnapshot);

/// <remarks>Usable: False when the engine lists it as invalid.</remarks>
internal sealed record EngineCheckpoint(Guid Id, string Description, DateTimeOffset? Created, bool Usable);

/// <remarks>Without a backup, a layer and a file it is an upload.</remarks>
internal sealed record EngineTransferStart(Guid DiskId, Guid? BackupId, Guid CorrelationId, TimeSpan InactivityTimeout)
{
    /// <summary>Instead of a backup: a layer of a snapshot.</summary>
    public EngineLayer? Layer { get; init; }

    /// <summary>Instead of both: the file of this volume of the disk.</summary>
    public EngineVolumeFile? File { get; init; }
}

/// <remarks>Alone: what this layer holds and nothing below it, instead of the whole image as it was when the snapshot was taken.</remarks>
internal sealed record EngineLayer(Guid Id, bool Alone);

/// <summary>A volume whose file can be downloaded.</summary>
/// <remarks>OnTemplate: it is the only layer of a template's disk, which <paramref name="DiskId"/> is.</remarks>
internal sealed record EngineVolumeFile(Guid Id, Guid DiskId, string Format, bool OnTemplate);

/// <summary>A layer of a disk as storage has it. The parent is the layer below; none for the last.</summary>
internal sealed record EngineVolume(Guid Id, Guid DiskId, Guid? ParentId, string Format, Guid StorageDomainId);

/// <remarks>Whether it is the disk itself or one of its snapshots is not told.</remarks>
internal sealed record EngineAttachment(Guid DiskId, bool Active);

/// <summary>How a disk is joined to a VM.</summary>
/// <remarks>Active: plugged; on a VM that is down, from its next start on.</remarks>
internal sealed record EngineDiskSlot(string Interface, bool Bootable, bool Active);

internal sealed record EngineSnapshotStart(Guid VmId, IReadOnlyList<Guid> Disks, string Description, Guid CorrelationId);

/// <remarks>Locked: being created or deleted. Regular: false for the active state and previews, which are no snapshots of anybody.</remarks>
internal sealed record EngineSnapshot(Guid Id, string Description, bool Locked, bool Regular, DateTimeOffset? Created);

/// <remarks>The new VM has full copies of the snapshot's disks.</remarks>
internal sealed record EngineCloneStart(string Name, string Description, Guid ClusterId, Guid SnapshotId, Guid CorrelationId);

/// <remarks>VmId: in the export domain; the VM that is made has an id of its own.</remarks>
internal sealed record EngineImportStart(Guid DomainId, Guid VmId, string Name, Guid ClusterId, Guid StorageDomainId, Guid CorrelationId);

internal enum EngineTransferPhase
{
    Initializing,
    Transferring,

    /// <summary>Paused by the engine: of no use to us, to be cancelled.</summary>
    Paused,
    Ending,
    Succeeded,
    Failed,
}

/// <remarks>The URLs are credentials: the record never shows them.</remarks>
internal sealed record EngineTransfer(Guid Id, Guid DiskId, EngineTransferPhase Phase, bool Upload, string? TransferUrl, string? ProxyUrl)
{
    public bool IsEnded => Phase is EngineTransferPhase.Succeeded or EngineTransferPhase.Failed;

    public override string ToString() => $"EngineTransfer {Id} of disk {DiskId}, {Phase}";
}

internal sealed record EngineDiskStart
{
    public required Guid Id { get; init; }

    public required Guid CorrelationId { get; init; }

    public required string Alias { get; init; }

    public required string Description { get; init; }

    public required long SizeBytes { get; init; }

    public required string Format { get; init; }

    public required bool Sparse { get; init; }

    public required bool IncrementalEnabled { get; init; }

    public required Guid StorageDomainId { get; init; }

    public long? InitialSizeBytes { get; init; }

    public bool WipeAfterDelete { get; init; }
}

/// <remarks>Ovf: Configuration without disks and NICs; null = from <paramref name="Like"/>.</remarks>
internal sealed record EngineVmStart(string Name, string Description, Guid ClusterId, string? Ovf, EngineVm Like, Guid CorrelationId);
