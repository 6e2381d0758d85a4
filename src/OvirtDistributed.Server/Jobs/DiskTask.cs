// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs.Restore;

namespace OvirtDistributed.Server.Jobs;

/// <summary>One disk of a job: the unit that is offered, leased and done by one worker.</summary>
internal sealed class DiskTask
{
    public required Guid Id { get; init; }

    public required Guid JobId { get; init; }

    /// <summary>The disk inside the VM or the restore point.</summary>
    public required Guid DiskId { get; init; }

    public required string DiskAlias { get; init; }

    public required long SizeBytes { get; init; }

    public required Guid ClusterId { get; init; }

    public TaskState State { get; set; } = TaskState.Offered;

    /// <summary>Number of the present attempt, from 1.</summary>
    public int Attempt { get; set; } = 1;

    /// <summary>Attempts that ended by a fault (a worker that shuts down is none).</summary>
    public int Faults { get; set; }

    /// <summary>Of the newest lease; only grows.</summary>
    public long FencingToken { get; set; }

    public string? WorkerId { get; set; }

    public DateTimeOffset? LeaseUntil { get; set; }

    /// <summary>When the present attempt was last offered, or was last seen to wait in its queue.</summary>
    public DateTimeOffset Offered { get; set; }

    /// <summary>When the present attempt was last written to the outbox.</summary>
    public DateTimeOffset Published { get; set; }

    public bool Incremental { get; set; }

    public string ModeReason { get; set; } = "";

    /// <summary>Sequence of the newest progress report of the present attempt.</summary>
    public long ProgressSequence { get; set; }

    public TaskStatistics Statistics { get; set; } = TaskStatistics.Empty;

    public byte[]? RootDigest { get; set; }

    public int RootLevels { get; set; }

    public long RootSizeBytes { get; set; }

    public long StoredBytes { get; set; }

    public string? Checksum { get; set; }

    public string Message { get; set; } = "";

    /// <summary>Verification: what cannot be restored of the disk; empty when it is whole.</summary>
    public string Damage { get; set; } = "";

    /// <summary>Restore, verification: what the point's own repository could not give; null when that was nothing.</summary>
    public TaskRescue? Rescue { get; set; }

    /// <summary>Restore: how the target disk is made.</summary>
    public RestoreDiskPlan? Plan { get; set; }

    /// <summary>Restore: the disk of the attempt that succeeded.</summary>
    public Guid? TargetDiskId { get; set; }

    public DateTimeOffset? Started { get; set; }

    public DateTimeOffset? Ended { get; set; }

    public uint Version { get; set; }

    public bool IsEnded => State is TaskState.Done or TaskState.Failed or TaskState.Cancelled;
}
