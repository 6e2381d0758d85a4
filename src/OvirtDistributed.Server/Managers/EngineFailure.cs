// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Managers;

/// <summary>What an engine call failed of, as far as a job must know. Unknown means: do not try again.</summary>
internal enum EngineFailure
{
    Unknown,

    /// <summary>The manager cannot be reached or is restarting: the same call may work later.</summary>
    Unreachable,
    Unauthorized,

    /// <summary>Something is locked or busy: the same call may work later.</summary>
    Locked,
    NotFound,

    /// <summary>The request can never work.</summary>
    Refused,

    /// <summary>Only a full backup is possible.</summary>
    CheckpointUnusable,
    GuestNotFrozen,

    /// <summary>The call was carried out and failed on the engine.</summary>
    Failed,
}
