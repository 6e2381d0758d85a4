// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>What a step, an operator or the engine reported.</summary>
internal enum JobEvent
{
    Prepared,

    /// <summary>As <see cref="Prepared"/>, and commands go around the moment.</summary>
    PreparedWithCommands,
    PreCommandDone,
    BackupRequested,
    BackupReady,

    /// <summary>The snapshot is there, and the disks have a longer way to go.</summary>
    SnapshotReady,
    VmCloned,

    /// <summary>As <see cref="BackupReady"/>, and a command is to run before anything is read.</summary>
    BackupReadyWithCommand,
    PostCommandDone,
    GuestReleased,

    /// <summary>The guest could not be frozen: start once more without asking for consistency.</summary>
    ConsistencyRefused,

    /// <summary>Nothing was opened yet, and what was read of the VM is too old to go by: read it once more.</summary>
    Outdated,

    /// <summary>The checkpoint cannot be used: start once more as a full backup.</summary>
    CheckpointLost,
    TasksDone,
    Committed,

    /// <summary>The repository has lost something between the upload and the commit: the disks are gone through once more.</summary>
    FramesMissing,
    BackupFinalized,

    /// <summary>The point is committed but the engine's backup could not be ended: the reconciler goes on.</summary>
    FinalizeFailed,
    CheckpointsPruned,
    VmCreated,

    /// <summary>Restore over the original: the VM is to be backed up as it is first.</summary>
    SafetyNeeded,

    /// <summary>That backup is a restore point.</summary>
    VmSecured,

    /// <summary>Restore in place: the VM has to let go of the disk.</summary>
    DiskToRelease,
    DiskReleased,

    /// <summary>Restore over the original: no VM is made, its disks are exchanged.</summary>
    VmKept,
    DisksSwitched,
    DisksPutBack,
    VmCompleted,
    SettingsRestored,
    VmStarted,

    /// <summary>What a verification found is written down.</summary>
    Recorded,

    /// <summary>The step cannot succeed any more.</summary>
    StepFailed,
    CancelRequested,

    /// <summary>Everything was taken back, or is left to the reconciler.</summary>
    Undone,

    /// <summary>As <see cref="Undone"/>, of a job that ends because an operator asked.</summary>
    UndoneAfterCancel,
}
