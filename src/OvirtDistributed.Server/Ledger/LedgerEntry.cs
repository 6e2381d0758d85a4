// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

/// <summary>One thing the server creates on an engine: written before the call, completed after it, closed when the thing is gone or kept on purpose.</summary>
internal sealed class LedgerEntry
{
    /// <summary>Also the Correlation-Id of the call, and the id of the thing where the engine lets the caller choose.</summary>
    public required Guid Id { get; init; }

    public required LedgerKind Kind { get; init; }

    public required Guid ManagerId { get; init; }

    public required Guid JobId { get; init; }

    /// <summary><see cref="Guid.Empty"/> for what belongs to the job and survives attempts.</summary>
    public required Guid TaskId { get; init; }

    public required int Attempt { get; init; }

    /// <summary>What it hangs on: the VM of a backup or snapshot, the disk of a transfer.</summary>
    public required Guid ParentId { get; init; }

    public LedgerState State { get; set; } = LedgerState.Intent;

    public Guid? EngineId { get; set; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Closed { get; set; }

    public string Note { get; set; } = "";
}

internal enum LedgerKind
{
    Backup,
    ImageTransfer,
    Snapshot,

    /// <summary>A disk attached to a worker's VM: the parent is the disk, the engine's id the VM.</summary>
    Attachment,
    Disk,
    Vm,

    /// <summary>A disk that was taken off an operator's VM for a while: the parent is the disk, the engine's id the VM.</summary>
    Detachment,

    /// <summary>A VM that the manager made with copies of disks, and that goes with them: cloned of a snapshot, or imported.</summary>
    ClonedVm,

    /// <summary>A VM in an export domain: the parent is the domain.</summary>
    ExportedVm,

    /// <summary>
    /// Frozen file systems of a running guest: the parent is the VM. An intent may or may not have frozen them. <see cref="Jobs.Backup.Freezing.GuestFreezes"/>
    /// alone ends it, also while the job runs: a guest cannot wait.
    /// </summary>
    GuestFreeze,
}

internal enum LedgerState
{
    /// <summary>The call may or may not have been carried out.</summary>
    Intent,
    Created,
    Closed,
}
