// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Errors;

/// <summary>Everything that can go wrong at the boundary to the manager and its ImageIO daemons. Closed: new cases are added here.</summary>
/// <remarks><see cref="Unknown"/> and everything not listed in <see cref="OvirtException.IsRetryable"/> is not worth repeating.</remarks>
public enum OvirtError
{
    /// <summary>Nothing known about this failure. Not retryable.</summary>
    Unknown,

    /// <summary>The connection's settings are wrong (URL, user, certificate text); nothing was sent.</summary>
    InvalidSettings,

    /// <summary>User or password refused, or the session ended and a new one was refused too.</summary>
    Unauthorized,

    /// <summary>The user lacks a role for this call.</summary>
    Forbidden,

    /// <summary>The thing named in the call is gone. For deletes that means done.</summary>
    NotFound,

    /// <summary>The engine refused the request as wrong.</summary>
    BadRequest,

    /// <summary>Locked or busy right now; the same call may succeed later.</summary>
    Locked,

    /// <summary>Refused because of the state of things; waiting alone will not change it.</summary>
    Conflict,

    /// <summary>The checkpoint is lost, invalid or does not fit. A full backup is the remedy.</summary>
    CheckpointUnusable,

    /// <summary>Consistency was required and the guest's file systems could not be frozen.</summary>
    GuestNotFrozen,

    /// <summary>A disk's images are illegal on the engine.</summary>
    DiskIllegal,

    /// <summary>This engine, cluster level or ImageIO daemon is too old for the call.</summary>
    Unsupported,

    /// <summary>The engine cannot be reached or is restarting.</summary>
    EngineUnavailable,

    /// <summary>The engine failed inside (HTTP 500).</summary>
    EngineFailed,

    /// <summary>A time limit ran out: a call, or waiting for a state.</summary>
    Timeout,

    /// <summary>The server's certificate is not from the pinned authority, or not for this name.</summary>
    TlsUntrusted,

    /// <summary>The answer could not be understood, or contradicts the protocol.</summary>
    InvalidResponse,

    /// <summary>A backup ended as failed on the engine.</summary>
    BackupFailed,

    /// <summary>A snapshot could not be created or removed.</summary>
    SnapshotFailed,

    /// <summary>An image transfer ended as failed, or never became ready.</summary>
    TransferFailed,

    /// <summary>A job of the engine ended as failed.</summary>
    JobFailed,

    /// <summary>Neither the host nor the proxy could be reached for image data.</summary>
    ImageUnreachable,

    /// <summary>The ticket behind a transfer URL is gone, expired, cancelled or lacks the permission. The URL must not be used again.</summary>
    TicketRefused,

    /// <summary>The asked range lies outside the image.</summary>
    RangeRefused,

    /// <summary>The ImageIO daemon failed inside (HTTP 500), or broke off more often than allowed.</summary>
    ImageFailed,

    /// <summary>No byte moved for the idle time.</summary>
    Stalled,
}
