// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>Why a call to the backup server brought no answer.</summary>
public enum WorkerControlError
{
    /// <summary>The server answered that it will not do it. Repeating the call is useless.</summary>
    Refused = 0,

    /// <summary>The server could not be reached, or did not answer in time. The same call may work later.</summary>
    Unreachable,
}

/// <summary>A call to the backup server failed.</summary>
public sealed class WorkerControlException(WorkerControlError error, string message, Exception? inner = null) : Exception(message, inner)
{
    public WorkerControlError Error { get; } = error;
}
