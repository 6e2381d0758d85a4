// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Backups;

public enum BackupPhase
{
    Unknown,
    Initializing,
    Starting,
    Ready,
    Finalizing,
    Succeeded,
    Failed,
}

/// <param name="Id">Chosen by the client.</param>
/// <param name="Vm">Its VM.</param>
/// <param name="Phase">Where it stands.</param>
/// <param name="FromCheckpoint">Null for a full backup.</param>
/// <param name="ToCheckpoint">Made by this backup; known once it exists, and null when every disk is raw.</param>
/// <param name="Host">Where it runs, on engines that say so.</param>
/// <param name="Snapshot">Set for the hybrid kind, which works on a snapshot of the engine's own.</param>
/// <param name="Description">As given at the start.</param>
/// <param name="CreationTime">When it was started.</param>
public sealed record Backup(
    BackupId Id,
    VmId Vm,
    BackupPhase Phase,
    CheckpointId? FromCheckpoint,
    CheckpointId? ToCheckpoint,
    HostId? Host,
    SnapshotId? Snapshot,
    string? Description,
    DateTimeOffset? CreationTime)
{
    /// <summary>Whether it is over, well or not.</summary>
    public bool IsEnded => Phase is BackupPhase.Succeeded or BackupPhase.Failed;
}

/// <summary>How a backup ended.</summary>
public enum BackupOutcome
{
    Succeeded,
    Failed,
}

/// <param name="Outcome">Well or not.</param>
/// <param name="Reason">The newest event's text about it; null when nothing went wrong.</param>
/// <param name="InferredFromEvents">The backup itself was gone already, as on engines before 4.4.7, and its events told.</param>
public sealed record BackupEnd(BackupOutcome Outcome, string? Reason, bool InferredFromEvents);

public enum CheckpointState
{
    /// <summary>Not said by engines before 4.4.7.</summary>
    Unknown,
    Created,
    Invalid,
}

public sealed record Checkpoint(CheckpointId Id, CheckpointId? Parent, CheckpointState State, DateTimeOffset? CreationTime, string? Description);

internal sealed class BackupDto
{
    public string? Id { get; init; }

    public string? Phase { get; init; }

    public string? FromCheckpointId { get; init; }

    public string? ToCheckpointId { get; init; }

    public string? Description { get; init; }

    public DateTimeOffset? CreationDate { get; init; }

    public RefDto? Vm { get; init; }

    public RefDto? Host { get; init; }

    public RefDto? Snapshot { get; init; }
}

internal sealed class CheckpointDto
{
    public string? Id { get; init; }

    public string? ParentId { get; init; }

    public string? State { get; init; }

    public DateTimeOffset? CreationDate { get; init; }

    public string? Description { get; init; }
}
