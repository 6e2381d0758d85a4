// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>The step a job is at. Stored as text, so a new state never renumbers stored rows.</summary>
internal enum JobState
{
    /// <summary>VM or restore point read, disks chosen, mode decided.</summary>
    Preparing,

    /// <summary>Backup: a worker runs the command before the moment.</summary>
    RunningPreCommand,

    /// <summary>Backup: the engine is asked to start one.</summary>
    StartingBackup,

    /// <summary>Backup: the engine makes it ready.</summary>
    AwaitingBackup,

    /// <summary>Backup by an export domain: the manager makes a VM of the snapshot.</summary>
    CloningVm,

    /// <summary>Backup by an export domain: the manager copies that VM there.</summary>
    ExportingVm,

    /// <summary>Backup: the engine holds the moment, and a worker runs the command after it.</summary>
    RunningPostCommand,

    /// <summary>Backup: it comes to nothing, and a worker runs the command after the moment all the same.</summary>
    ReleasingGuest,

    /// <summary>Tasks are offered, leased and worked on.</summary>
    Copying,

    /// <summary>Verification: what was found is written down.</summary>
    Recording,

    /// <summary>Backup and copy: the manifest becomes a restore point.</summary>
    Committing,

    /// <summary>Backup: the engine's backup is ended.</summary>
    Finalizing,

    /// <summary>Backup: older checkpoints of ours are deleted.</summary>
    PruningCheckpoints,

    /// <summary>Restore over the original, or in place: the VM is backed up as it is.</summary>
    SecuringVm,

    /// <summary>Restore in place: checkpoints of ours are dropped, and the VM lets go of the disk.</summary>
    ReleasingDisk,

    /// <summary>Restore: the VM is created, without disks and NICs; where there is one already, nothing.</summary>
    CreatingVm,

    /// <summary>Restore over the original: the VM's disks are detached and the restored ones take their place.</summary>
    SwitchingDisks,

    /// <summary>Restore over the original: the switch failed, and the VM gets its own disks back.</summary>
    PuttingBack,

    /// <summary>Restore: NICs and disks join the VM.</summary>
    CompletingVm,

    /// <summary>Restore of a new VM: it gets the settings that its OVF lacks or its import lost.</summary>
    RestoringSettings,

    /// <summary>Restore: the VM is powered on where asked.</summary>
    StartingVm,

    /// <summary>What the job made on the engine and at the Data Mover is taken back.</summary>
    Undoing,

    Succeeded,
    Warning,
    Failed,
    Cancelled,
}
