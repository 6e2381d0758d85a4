// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>Why a running task was told to stop. The first reason counts.</summary>
internal enum StopReason
{
    None = 0,

    /// <summary>The operator cancelled the job.</summary>
    Cancelled,

    /// <summary>The server says that the attempt is not this worker's any more.</summary>
    LeaseLost,

    /// <summary>The lease could not be renewed in time.</summary>
    LeaseExpired,

    /// <summary>The worker shuts down.</summary>
    WorkerStopping,
}
