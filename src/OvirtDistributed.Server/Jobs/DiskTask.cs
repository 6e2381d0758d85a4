// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Restore;

namespace OvirtDistributed.Server.Jobs;

/// <summary>One disk of a job.</summary>
internal sealed class DiskTask : JobTask
{
    /// <summary>The disk inside the VM or the restore point.</summary>
    public required Guid DiskId { get; init; }

    public required string DiskAlias { get; init; }

    public required long SizeBytes { get; init; }

    public bool Incremental { get; set; }

    public string ModeReason { get; set; } = "";

    public TaskStatistics Statistics { get; set; } = TaskStatistics.Empty;

    public byte[]? RootDigest { get; set; }

    public int RootLevels { get; set; }

    public long RootSizeBytes { get; set; }

    public long StoredBytes { get; set; }

    public string? Checksum { get; set; }

    /// <summary>Verification: what cannot be restored of the disk; empty when it is whole.</summary>
    public string Damage { get; set; } = "";

    /// <summary>Restore, verification: what the point's own repository could not give; null when that was nothing.</summary>
    public TaskRescue? Rescue { get; set; }

    /// <summary>Restore: how the target disk is made.</summary>
    public RestoreDiskPlan? Plan { get; set; }

    /// <summary>Restore: the disk of the attempt that succeeded.</summary>
    public Guid? TargetDiskId { get; set; }
}
