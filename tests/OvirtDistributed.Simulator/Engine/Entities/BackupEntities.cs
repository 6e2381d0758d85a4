// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine.Entities;

/// <summary>A VM backup. The phase is what the API shows.</summary>
internal sealed class Backup : Entity
{
    public required Guid VmId { get; init; }

    public required BackupKind Kind { get; init; }

    public Guid? HostId { get; set; }

    public Guid? FromCheckpointId { get; init; }

    /// <summary>The checkpoint this backup makes; null when no disk is cow.</summary>
    public Guid? ToCheckpointId { get; set; }

    public string Phase { get; set; } = BackupPhase.Initializing;

    public required DateTimeOffset CreationDate { get; init; }

    public DateTimeOffset ModificationDate { get; set; }

    /// <summary>The disks, each with its mode (full or incremental).</summary>
    public required Dictionary<Guid, string> Disks { get; init; }

    /// <summary>Scratch disks of a live backup.</summary>
    public List<Guid> ScratchDisks { get; } = [];

    /// <summary>The auto-generated snapshot of a hybrid backup.</summary>
    public Guid? SnapshotId { get; set; }

    /// <summary>A fault lets the merge of that snapshot fail: it stays behind.</summary>
    public bool MergeFails { get; set; }

    /// <summary>Why the backup must fail, once something outside it has decided so.</summary>
    public string? AbortReason { get; set; }

    /// <summary>Storage holds bitmaps, overlays or exports for it.</summary>
    public bool StorageStarted { get; set; }

    /// <summary>The work that carries the backup from start to end.</summary>
    [JsonIgnore]
    public Operation? Operation { get; set; }

    [JsonIgnore]
    public TaskCompletionSource FinalizeRequested { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool Ended => Phase is BackupPhase.Succeeded or BackupPhase.Failed;
}

internal enum BackupKind
{
    Live,
    Cold,
    Hybrid,
}

/// <summary>Backup phase words on the wire.</summary>
internal static class BackupPhase
{
    public const string Initializing = "initializing";
    public const string Starting = "starting";
    public const string Ready = "ready";
    public const string Finalizing = "finalizing";
    public const string Succeeded = "succeeded";
    public const string Failed = "failed";
}

internal sealed class Checkpoint : Entity
{
    public required Guid VmId { get; init; }

    public Guid? ParentId { get; set; }

    public required DateTimeOffset CreationDate { get; init; }

    /// <summary>created or invalid.</summary>
    public string State { get; set; } = "created";

    public required HashSet<Guid> Disks { get; init; }

    /// <summary>Set between acceptance of its deletion and its end.</summary>
    public bool Removing { get; set; }
}

/// <summary>An image transfer. The ticket id is the credential in its URLs.</summary>
internal sealed class ImageTransfer : Entity
{
    public required Guid DiskId { get; init; }

    /// <summary>The snapshot volume that is read; null for the disk itself.</summary>
    public Guid? ImageId { get; init; }

    public Guid? BackupId { get; init; }

    /// <summary>The volume whose status this transfer keeps locked; null when it locks the disk, or nothing.</summary>
    public Guid? LockedImageId { get; init; }

    public required bool Upload { get; init; }

    /// <summary>raw or cow.</summary>
    public required string Format { get; init; }

    /// <summary>The bytes of the volume file are served, not guest data.</summary>
    public bool FileBackend { get; init; }

    public bool Shallow { get; init; }

    public required Guid HostId { get; init; }

    public required TimeSpan InactivityTimeout { get; init; }

    /// <summary>legacy, pause or cancel.</summary>
    public required string TimeoutPolicy { get; init; }

    public string Phase { get; set; } = TransferPhase.Initializing;

    public Guid? TicketId { get; set; }

    /// <summary>The host's daemon has the ticket.</summary>
    public bool HasTicket { get; set; }

    /// <summary>The proxy has the ticket.</summary>
    public bool HasProxyTicket { get; set; }

    public string? TransferUrl { get; set; }

    public string? ProxyUrl { get; set; }

    public bool Active { get; set; }

    public long? Transferred { get; set; }

    public DateTimeOffset? EndedAt { get; set; }

    public IDiskExport? Export { get; set; }

    /// <summary>The polling callback of this transfer.</summary>
    public Operation? Operation { get; set; }

    /// <summary>Completed when a finalize, cancel, pause or resume asks the polling callback to look now.</summary>
    public TaskCompletionSource Wake { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool Finished => Phase is TransferPhase.FinishedSuccess or TransferPhase.FinishedFailure;

    /// <summary>Which way a pause by timeout or ticket loss goes.</summary>
    public bool PausesOnTimeout => Upload && TimeoutPolicy is ("legacy" or "pause");
}

/// <summary>Transfer phase words on the wire.</summary>
internal static class TransferPhase
{
    public const string Initializing = "initializing";
    public const string Transferring = "transferring";
    public const string Resuming = "resuming";
    public const string PausedSystem = "paused_system";
    public const string PausedUser = "paused_user";
    public const string CancelledSystem = "cancelled_system";
    public const string CancelledUser = "cancelled_user";
    public const string FinalizingSuccess = "finalizing_success";
    public const string FinalizingFailure = "finalizing_failure";
    public const string FinalizingCleanup = "finalizing_cleanup";
    public const string FinishedSuccess = "finished_success";
    public const string FinishedFailure = "finished_failure";
    public const string FinishedCleanup = "finished_cleanup";
}
