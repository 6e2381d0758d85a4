// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Where a task stands. Stored as text.</summary>
internal enum TaskState
{
    /// <summary>The attempt waits for a worker to take its lease.</summary>
    Offered,
    Leased,

    /// <summary>The worker reported success; what belongs to the attempt on the engine is being finished.</summary>
    Closing,

    /// <summary>The attempt is lost or failed; the old path is being closed before anything is offered again.</summary>
    Recovering,
    Done,
    Failed,
    Cancelled,
}
