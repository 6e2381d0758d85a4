// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Ovirt.ImageIo;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

public enum TransferPhase
{
    Unknown,
    Initializing,
    Transferring,
    Resuming,
    PausedSystem,
    PausedUser,
    Cancelled,
    CancelledSystem,
    CancelledUser,
    FinalizingSuccess,
    FinalizingFailure,
    FinalizingCleanup,
    FinishedSuccess,
    FinishedFailure,
    FinishedCleanup,
}

public enum TransferDirection
{
    Unknown,
    Upload,
    Download,
}

/// <summary>An image transfer. The engine does not say which backup or snapshot it was made for, only the disk.</summary>
public sealed record ImageTransfer
{
    public required TransferId Id { get; init; }

    public TransferPhase Phase { get; init; }

    public TransferDirection Direction { get; init; }

    public DiskId? Disk { get; init; }

    public HostId? Host { get; init; }

    /// <summary>On the host, port 54322. Present once there is a ticket.</summary>
    public TransferUrl? Url { get; init; }

    /// <summary>On the manager, port 54323. Present once there is a ticket.</summary>
    public TransferUrl? ProxyUrl { get; init; }

    public long? TransferredBytes { get; init; }

    public TimeSpan? InactivityTimeout { get; init; }

    /// <summary>Only these two are final; everything else still holds its disk.</summary>
    public bool IsFinished => Phase is TransferPhase.FinishedSuccess or TransferPhase.FinishedFailure;

    /// <summary>On the way to an end that can no longer be chosen.</summary>
    public bool IsEnding => Phase is TransferPhase.FinalizingSuccess
        or TransferPhase.FinalizingFailure
        or TransferPhase.FinalizingCleanup
        or TransferPhase.FinishedCleanup
        or TransferPhase.Cancelled
        or TransferPhase.CancelledSystem
        or TransferPhase.CancelledUser;
}
