// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Does the work of one attempt.</summary>
internal interface ITaskExecutor
{
    /// <summary>Transport modes it can carry out, by their names in orders.</summary>
    IReadOnlyCollection<string> TransportModes { get; }

    /// <summary>
    /// Moves the disk. On return, by result or by exception, every connection to the transfer is closed.
    /// Safe to repeat: what an earlier attempt made durable is not moved again.
    /// </summary>
    /// <exception cref="TaskFailureException">The task cannot go on.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    Task<TaskSucceeded> ExecuteAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken);
}
