// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>Why a session is no more.</summary>
internal enum SessionEnd
{
    /// <summary>The repository ended it: no call came for the idle time-out, its job was committed, or the repository was closed.</summary>
    ByRepository,

    /// <summary>The worker closed it.</summary>
    Closed,

    /// <summary>A higher fencing token of the same task was seen.</summary>
    Fenced,

    /// <summary>The job was aborted.</summary>
    Aborted,
}
