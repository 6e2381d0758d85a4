// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Control;

internal sealed partial class MoverControlEndpoint
{
    // What a TimeSpan surely holds; the repository's own limit is far lower.
    private const long MostLockSeconds = 100L * 366 * 24 * 3600;

    public override async Task ListPoints(ListPointsRequest request, IServerStreamWriter<ListPointsResponse> responses, ServerCallContext context)
    {
        var store = roster.Require(request.Repository).RequireStore();
        var points = store.ListPoints(
            request.ManagerId.Length > 0 ? request.ManagerId : null, request.VmId.Length > 0 ? request.VmId : null);
        foreach (var point in points)
        {
            var answer = new ListPointsResponse { PointId = point.PointId, Path = point.Path, LockedUntil = store.LockedUntil(point.PointId)?.ToTimestamp() };
            try
            {
                answer.Manifest = Stored(await store.ReadPointAsync(point.PointId, context.CancellationToken));
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.NewerFormat)
            {
                answer.Problem = failure.Message; // one bad manifest must not hide the others
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.NotFound)
            {
                if (store.FindPoint(point.PointId)?.Path != point.Path)
                {
                    continue; // removed since the list was made
                }

                answer.Problem = $"{point.Path}: it is gone";
            }

            await responses.WriteAsync(answer, context.CancellationToken);
        }

        foreach (var duplicate in store.ListDuplicatePoints().Where(duplicate => IsWanted(duplicate.Point, request)))
        {
            await responses.WriteAsync(await WithProblemAsync(store, duplicate, context.CancellationToken), context.CancellationToken);
        }
    }

    // Which of two is the better one only their owner knows; one that cannot be read says so.
    private static async Task<ListPointsResponse> WithProblemAsync(RepositoryStore store, DuplicatePoint duplicate, CancellationToken cancellationToken) => new()
    {
        PointId = duplicate.Point.PointId,
        Path = duplicate.Point.Path,
        Problem = await store.FindFaultAsync(duplicate.Point, cancellationToken) ?? duplicate.Problem,
    };

    private static bool IsWanted(PointInfo point, ListPointsRequest request) =>
        (request.ManagerId.Length == 0 || point.ManagerId == request.ManagerId) && (request.VmId.Length == 0 || point.VmId == request.VmId);

    public override async Task<GetPointResponse> GetPoint(GetPointRequest request, ServerCallContext context)
    {
        var store = roster.Require(request.Repository).RequireStore();
        WireForms.Required(request.PointId, "point_id");
        return new GetPointResponse { Manifest = Stored(await store.ReadPointAsync(request.PointId, context.CancellationToken)) };
    }

    public override async Task<RemovePointResponse> RemovePoint(RemovePointRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        WireForms.Required(request.PointId, "point_id");
        var removed = await repository.RequireStore().RemovePointAsync(request.PointId, context.CancellationToken);
        Log.PointRemoved(logger, request.PointId, repository.Name, removed);
        return new RemovePointResponse { Removed = removed };
    }

    public override async Task<SetPointAsideResponse> SetPointAside(SetPointAsideRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var store = roster.Require(request.Repository).RequireStore();
        WireForms.Required(request.Path, "path");
        var movedTo = await store.SetAsideAsync(request.Path, request.Unauthentic, context.CancellationToken);
        return new SetPointAsideResponse { Moved = movedTo is not null, MovedTo = movedTo ?? "" };
    }

    public override async Task<LockPointResponse> LockPoint(LockPointRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        WireForms.Required(request.PointId, "point_id");
        if (request.Seconds is < 1 or > MostLockSeconds)
        {
            throw OperatorException.Invalid("seconds", $"{request.Seconds}", $"give the length of the lock, 1 to {MostLockSeconds}.");
        }

        var until = await repository.RequireStore().LockPointAsync(request.PointId, TimeSpan.FromSeconds(request.Seconds), context.CancellationToken);
        Log.PointLocked(logger, request.PointId, repository.Name, until);
        return new LockPointResponse { LockedUntil = until.ToTimestamp() };
    }

    public override async Task<GetPointBlobResponse> GetPointBlob(GetPointBlobRequest request, ServerCallContext context)
    {
        var store = roster.Require(request.Repository).RequireStore();
        WireForms.Required(request.PointId, "point_id");
        await using var session = await store.OpenReadSessionAsync(request.PointId, context.CancellationToken);
        var blob = session.Manifest.Blobs.FirstOrDefault(blob => blob.Name == request.Blob)
            ?? throw new OperatorException(
                FailureKind.NotFound,
                $"blob '{request.Blob}' is not in restore point {request.PointId}: it has {string.Join(", ", session.Manifest.Blobs.Select(each => each.Name))}.");
        using var batch = await session.FetchAsync(new[] { blob.Digest }, context.CancellationToken);
        var answer = new GetPointBlobResponse { Frame = ByteString.CopyFrom(batch[0].Span), ContentType = blob.ContentType ?? "" };
        if (!store.Keys.IsEncrypted)
        {
            answer.Content = UnsafeByteOperations.UnsafeWrap(MetadataFrame.Read(blob, batch[0].Span, store.Keys));
        }

        return answer;
    }

    private static ByteString Stored(StoredManifest point) => UnsafeByteOperations.UnsafeWrap(point.Bytes);
}
