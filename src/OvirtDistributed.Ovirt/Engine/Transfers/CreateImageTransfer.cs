// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

/// <summary>An image transfer to create: guest-visible bytes with extents and several connections, or the bytes of one layer's file.</summary>
public sealed record CreateImageTransfer
{
    private CreateImageTransfer()
    {
    }

    public TransferDirection Direction { get; private init; }

    public DiskId? Disk { get; private init; }

    public ImageId? Snapshot { get; private init; }

    public BackupId? Backup { get; private init; }

    /// <summary>Only this layer's data, what it does not hold being holes. Downloads only; engine 4.4.3 and later.</summary>
    public bool Shallow { get; private init; }

    /// <summary>The bytes of the volume's file, whatever its format: one connection, no extents. Downloads only.</summary>
    public bool AsFile { get; private init; }

    /// <summary>What the engine knows. An older one refuses a request that names anything newer.</summary>
    public EngineCapabilities Capabilities { get; init; } = EngineCapabilities.Newest;

    /// <summary>Which host serves; null lets the engine choose. Ignored for backups of running VMs.</summary>
    public HostId? Host { get; init; }

    /// <summary>Idle time after which the engine gives up. Default 5 minutes: reading extents of a large disk counts as idle.</summary>
    public TimeSpan InactivityTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>A disk within a backup that is ready.</summary>
    public static CreateImageTransfer DownloadFromBackup(DiskId disk, BackupId backup) =>
        new() { Direction = TransferDirection.Download, Disk = disk, Backup = backup };

    /// <summary>A disk that no running VM has plugged.</summary>
    public static CreateImageTransfer DownloadDisk(DiskId disk) => new() { Direction = TransferDirection.Download, Disk = disk };

    /// <summary>A layer of a snapshot's disk (<see cref="Disks.Disk.Image"/> as listed through the snapshot), alone or with all below it.</summary>
    public static CreateImageTransfer DownloadSnapshot(ImageId layer, bool shallow) =>
        new() { Direction = TransferDirection.Download, Snapshot = layer, Shallow = shallow };

    /// <summary>The file of one layer of a snapshot's disk, without those below it. Engines give one layer of a disk at a time.</summary>
    public static CreateImageTransfer DownloadFile(ImageId layer) => new() { Direction = TransferDirection.Download, Snapshot = layer, AsFile = true };

    /// <summary>The file of a disk's only layer, such as a template's.</summary>
    public static CreateImageTransfer DownloadFile(DiskId disk) => new() { Direction = TransferDirection.Download, Disk = disk, AsFile = true };

    /// <summary>Into a disk. <b>If the transfer fails or is cancelled the engine deletes the disk</b>, whoever made it: use one created for this purpose.</summary>
    public static CreateImageTransfer UploadToDisk(DiskId newDisk) => new() { Direction = TransferDirection.Upload, Disk = newDisk };

    internal JsonObject ToBody() => new JsonObject()
        .SetReference("disk", Disk)
        .SetReference("snapshot", Snapshot)
        .SetReference("backup", Backup)
        .SetReference("host", Host)
        .Set("direction", Direction == TransferDirection.Upload ? "upload" : "download")
        // Not said, it is the file: so an engine that does not know the word can be written to only where file and content are the same, on a raw disk.
        .Set("format", AsFile || !Capabilities.TransferFormat ? null : "raw")
        .Set("shallow", Shallow ? true : null)
        .Set("inactivity_timeout", (long)Math.Ceiling(InactivityTimeout.TotalSeconds))
        // A paused upload would keep its disk locked for ever.
        .Set("timeout_policy", Capabilities.TransferTimeoutPolicy ? "cancel" : null);
}
