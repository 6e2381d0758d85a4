// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Agent;

/// <summary>Talks to the backup server by gRPC. Short calls have a short deadline: a hanging server counts as unreachable.</summary>
internal sealed class GrpcWorkerControl(CallInvoker invoker, TimeProvider time) : IWorkerControl
{
    private static readonly TimeSpan ShortCall = TimeSpan.FromSeconds(20);

    // The engine may need minutes until a transfer runs; the lease, renewed meanwhile, is the real limit.
    private static readonly TimeSpan Preparation = TimeSpan.FromMinutes(30);

    private readonly WorkerControlService.WorkerControlServiceClient _client = new(invoker);

    public Task<RegisterResponse> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken) =>
        CallAsync(_client.RegisterAsync, request, ShortCall, cancellationToken);

    public Task<AcquireLeaseResponse> AcquireLeaseAsync(AcquireLeaseRequest request, CancellationToken cancellationToken) =>
        CallAsync(_client.AcquireLeaseAsync, request, ShortCall, cancellationToken);

    public Task<PrepareTaskResponse> PrepareTaskAsync(PrepareTaskRequest request, CancellationToken cancellationToken) =>
        CallAsync(_client.PrepareTaskAsync, request, Preparation, cancellationToken);

    public Task<HeartbeatResponse> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellationToken) =>
        CallAsync(_client.HeartbeatAsync, request, ShortCall, cancellationToken);

    public Task<ReportOutcomeResponse> ReportOutcomeAsync(ReportOutcomeRequest request, CancellationToken cancellationToken) =>
        CallAsync(_client.ReportOutcomeAsync, request, ShortCall, cancellationToken);

    private async Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> method, TRequest request, TimeSpan limit, CancellationToken cancellationToken)
    {
        try
        {
            var deadline = time.GetUtcNow().UtcDateTime + limit;
            return await method(request, new CallOptions(deadline: deadline, cancellationToken: cancellationToken));
        }
        catch (RpcException failure) when (!cancellationToken.IsCancellationRequested)
        {
            throw new WorkerControlException(Classify(failure.StatusCode), $"{failure.StatusCode}: {failure.Status.Detail}", failure);
        }
        catch (OperationCanceledException failure) when (!cancellationToken.IsCancellationRequested)
        {
            // The channel reports a passed deadline as a cancellation.
            throw new WorkerControlException(WorkerControlError.Unreachable, $"no answer within {limit.TotalSeconds:0} s", failure);
        }
        catch (RpcException failure)
        {
            throw new OperationCanceledException("The call was cancelled.", failure, cancellationToken);
        }
    }

    // A connection that dies shows as Internal, and a server that is being stopped as Cancelled or Unknown.
    private static WorkerControlError Classify(StatusCode status) => status switch
    {
        StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Internal or StatusCode.Cancelled
            or StatusCode.Unknown or StatusCode.Aborted => WorkerControlError.Unreachable,
        _ => WorkerControlError.Refused,
    };
}
