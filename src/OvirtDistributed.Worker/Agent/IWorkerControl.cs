// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Agent;

/// <summary>
/// The backup server as a worker sees it. Every call is idempotent; none retries by itself, the agent does.
/// An embedded worker may be given an implementation that calls the server's services in process.
/// </summary>
public interface IWorkerControl
{
    /// <exception cref="WorkerControlException">The server did not answer, or refused.</exception>
    Task<RegisterResponse> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken);

    /// <exception cref="WorkerControlException">The server did not answer, or refused.</exception>
    Task<AcquireLeaseResponse> AcquireLeaseAsync(AcquireLeaseRequest request, CancellationToken cancellationToken);

    /// <summary>May take minutes.</summary>
    /// <exception cref="WorkerControlException">The server did not answer, or refused.</exception>
    Task<PrepareTaskResponse> PrepareTaskAsync(PrepareTaskRequest request, CancellationToken cancellationToken);

    /// <exception cref="WorkerControlException">The server did not answer, or refused.</exception>
    Task<HeartbeatResponse> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellationToken);

    /// <exception cref="WorkerControlException">The server did not answer, or refused.</exception>
    Task<ReportOutcomeResponse> ReportOutcomeAsync(ReportOutcomeRequest request, CancellationToken cancellationToken);
}
