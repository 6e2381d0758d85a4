// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

/// <summary>How far a freeze has come. It only goes forward.</summary>
internal enum FreezeState
{
    /// <summary>It is not this guest's turn yet, the guard is being started, or the guest asked.</summary>
    Freezing,

    /// <summary>The manager said that the guest is frozen, and nobody here has asked for the thaw.</summary>
    Frozen,

    /// <summary>The guest is not frozen, or nobody knows; a thaw was sent all the same.</summary>
    Refused,

    /// <summary>It was frozen, and is being thawed.</summary>
    Thawing,

    /// <summary>It was frozen, and the manager said that it is thawed.</summary>
    Thawed,
}
