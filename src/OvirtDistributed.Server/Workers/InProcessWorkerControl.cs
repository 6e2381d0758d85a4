// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Worker.Agent;

namespace OvirtDistributed.Server.Workers;

/// <summary>The calls of a worker inside this process.</summary>
internal sealed class InProcessWorkerControl(WorkerCalls calls) : IWorkerControl
{
    public Task<RegisterResponse> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken) =>
        CallAsync(calls.RegisterAsync, request, cancellationToken);

    public Task<AcquireLeaseResponse> AcquireLeaseAsync(AcquireLeaseRequest request, CancellationToken cancellationToken) =>
        CallAsync(calls.AcquireLeaseAsync, request, cancellationToken);

    public Task<PrepareTaskResponse> PrepareTaskAsync(PrepareTaskRequest request, CancellationToken cancellationToken) =>
        CallAsync(calls.PrepareTaskAsync, request, cancellationToken);

    public Task<HeartbeatResponse> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellationToken) =>
        CallAsync(calls.HeartbeatAsync, request, cancellationToken);

    public Task<ReportOutcomeResponse> ReportOutcomeAsync(ReportOutcomeRequest request, CancellationToken cancellationToken) =>
        CallAsync(calls.ReportOutcomeAsync, request, cancellationToken);

    private static async Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CancellationToken, Task<TResponse>> call, TRequest request, CancellationToken cancellationToken)
    {
        try
        {
            return await call(request, cancellationToken);
        }
        catch (OperatorException failure)
        {
            var passing = failure.Kind is FailureKind.Unavailable or FailureKind.Conflict;
            throw new WorkerControlException(passing ? WorkerControlError.Unreachable : WorkerControlError.Refused, failure.Message, failure);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            // The database is away: as if the server could not be reached.
            throw new WorkerControlException(WorkerControlError.Unreachable, failure.Message, failure);
        }
    }
}
