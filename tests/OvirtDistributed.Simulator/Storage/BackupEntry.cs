// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Processes;

namespace OvirtDistributed.Simulator.Storage;

/// <summary>A backup in progress.</summary>
internal sealed class BackupEntry(Guid id, Guid vmId, VmProcess? vm)
{
    public Guid Id { get; } = id;

    public Guid VmId { get; } = vmId;

    /// <summary>The VM's storage process; null for a cold backup and for one that reads a snapshot.</summary>
    public VmProcess? Vm { get; } = vm;

    public Dictionary<Guid, BackupDiskEntry> Disks { get; } = [];
}

/// <summary>One disk of a backup.</summary>
internal sealed record BackupDiskEntry
{
    public required DiskEntry Disk { get; init; }

    /// <summary>Cold and hybrid: the layer that is exported.</summary>
    public Guid? Image { get; init; }

    /// <summary>Image that is removed with the backup: live, where old data is kept; cold and hybrid, an overlay that carries a merged bitmap. Null when none is needed.</summary>
    public string? ScratchFile { get; init; }

    /// <summary>Live: node of the scratch image, and the job that fills it.</summary>
    public string? ScratchNode { get; init; }

    public string? Job { get; init; }

    /// <summary>Bitmap to export with the disk; null for a full backup.</summary>
    public string? Bitmap { get; init; }
}
