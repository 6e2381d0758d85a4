// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

/// <summary>How far one step of a clean-up came.</summary>
internal enum CleanupResult
{
    /// <summary>Call again.</summary>
    Waiting,

    /// <summary>Ended with the engine's word that all is well.</summary>
    Succeeded,

    /// <summary>Ended, and the engine says it failed.</summary>
    Failed,

    /// <summary>The engine does not know it (any more).</summary>
    Gone,

    /// <summary>It no longer carries our mark: somebody has taken it over, so it is not ours to remove.</summary>
    LeftAlone,
}
