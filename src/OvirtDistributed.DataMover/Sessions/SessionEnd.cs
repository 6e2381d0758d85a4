// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>Why a session is no more.</summary>
internal enum SessionEnd
{
    /// <summary>No call came for the idle time-out, or the repository was closed.</summary>
    Expired,

    /// <summary>The worker closed it.</summary>
    Closed,

    /// <summary>A higher fencing token of the same task was seen.</summary>
    Fenced,

    /// <summary>The job was aborted.</summary>
    Aborted,
}
