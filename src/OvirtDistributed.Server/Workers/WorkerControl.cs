// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Server.Workers;

/// <summary>The workers' calls over gRPC.</summary>
internal sealed class WorkerControl(WorkerCalls calls) : WorkerControlService.WorkerControlServiceBase
{
    public override Task<RegisterResponse> Register(RegisterRequest request, ServerCallContext context) =>
        calls.RegisterAsync(request, context.CancellationToken);

    public override Task<AcquireLeaseResponse> AcquireLease(AcquireLeaseRequest request, ServerCallContext context) =>
        calls.AcquireLeaseAsync(request, context.CancellationToken);

    public override Task<PrepareTaskResponse> PrepareTask(PrepareTaskRequest request, ServerCallContext context) =>
        calls.PrepareTaskAsync(request, context.CancellationToken);

    public override Task<HeartbeatResponse> Heartbeat(HeartbeatRequest request, ServerCallContext context) =>
        calls.HeartbeatAsync(request, context.CancellationToken);

    public override Task<ReportOutcomeResponse> ReportOutcome(ReportOutcomeRequest request, ServerCallContext context) =>
        calls.ReportOutcomeAsync(request, context.CancellationToken);
}
