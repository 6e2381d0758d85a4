// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Cli.Fakes;

internal sealed class FakePointService(FakeInstallation installation) : PointService.PointServiceBase
{
    public override Task<ListPointsResponse> ListPoints(ListPointsRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new ListPointsResponse { Points = { installation.Points } });

    public override Task<GetPointResponse> GetPoint(GetPointRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => new GetPointResponse { Point = Find(request.Id) });

    public override Task<LocateDiskResponse> LocateDisk(LocateDiskRequest request, ServerCallContext context) =>
        installation.AnswerAsync(request, context, () => installation.Location
            ?? throw new OperatorException(FailureKind.NotFound, $"Restore point '{request.Point}' has no disk '{request.Disk}'."));

    public override Task<LockPointResponse> LockPoint(LockPointRequest request, ServerCallContext context) => installation.AnswerAsync(
        request, context, () => new LockPointResponse { PointId = Find(request.Point).Id, LockedUntil = Samples.Ago(TimeSpan.FromDays(-request.Days)) });

    public override async Task WatchVerifyPoint(WatchVerifyPointRequest request, IServerStreamWriter<WatchVerifyPointResponse> responses, ServerCallContext context)
    {
        foreach (var step in await installation.AnswerAsync(request, context, () => installation.VerifySteps))
        {
            installation.BeforeVerifyStep?.Invoke();
            await responses.WriteAsync(step, context.CancellationToken);
        }
    }

    private RestorePoint Find(string id) =>
        installation.Points.FirstOrDefault(point => point.Id.StartsWith(id, StringComparison.Ordinal))
        ?? throw new OperatorException(FailureKind.NotFound, $"Restore point '{id}' does not exist.");
}
