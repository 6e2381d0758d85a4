// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;

namespace OvirtDistributed.Server.Repositories;

/// <summary>Data Movers over gRPC: one channel per address, kept for the life of the server.</summary>
internal sealed class GrpcDataMover(TlsIdentity? tls) : IDataMover, IDisposable
{
    // A fence or a commit flushes files; anything longer than this is a Data Mover that hangs.
    private static readonly TimeSpan CallLimit = TimeSpan.FromMinutes(2);

    // The whole map may have to be read, from disks that are busy: a page for each 16 MiB. A connection that is dead shows within a minute.
    private static readonly TimeSpan CommitLimit = TimeSpan.FromHours(6);
    // All of a point is read.
    private static readonly TimeSpan VerifyLimit = TimeSpan.FromDays(1);
    private static readonly TimeSpan StatusLimit = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, Lazy<GrpcChannel>> _channels = new(StringComparer.OrdinalIgnoreCase);

    public Task<MoverRepositoryStatus> ReadStatusAsync(MoverAddress repository, CancellationToken cancellationToken) => CallAsync(repository, async client =>
    {
        var status = await client.GetStatusAsync(new GetStatusRequest(), deadline: Deadline(StatusLimit), cancellationToken: cancellationToken);
        var found = status.Repositories.FirstOrDefault(candidate => candidate.Name == repository.Repository)
            ?? throw new MoverException(
                MoverFailure.NotFound,
                $"The Data Mover {repository.Address} serves no repository '{repository.Repository}'; it serves: {string.Join(", ", status.Repositories.Select(candidate => candidate.Name))}.");
        return new MoverRepositoryStatus(
            found.RepositoryId,
            found.State != RepositoryState.NotCreated,
            found.State == RepositoryState.Ready,
            found.State == RepositoryState.Opening ? "is being opened" : found.Problem,
            found.Points,
            found.StoredBytes,
            found.FreeBytes,
            found.Location,
            status.Version)
        {
            Encryption = Guid.TryParse(found.KeySetId, out var keySet) ? new EncryptionParameters { KeySetId = keySet, KeyCheck = found.KeyCheck.ToByteArray() } : null,
            KeySlots = found.KeySlots,
            Collected = found.Collected?.ToDateTimeOffset(),
            CollectionProblems = found.CollectionProblems,
            Parameters = found.Parameters,
        };
    });

    public Task<bool> CreateRepositoryAsync(MoverAddress repository, NewRepository parameters, CancellationToken cancellationToken)
    {
        var request = new CreateRepositoryRequest
        {
            Name = repository.Repository,
            ChunkAverageBytes = parameters.ChunkAverageBytes,
            ReplicaOf = parameters.ReplicaOf,
        };
        if (parameters.Encryption is { } encryption)
        {
            request.Encryption = new RepositoryEncryption
            {
                KeySetId = encryption.KeySetId.ToString("D"),
                KeyCheck = ByteString.CopyFrom(encryption.KeyCheck.Span),
            };
        }

        return CallAsync(repository, async client => (await client.CreateRepositoryAsync(
            request, deadline: Deadline(CallLimit), cancellationToken: cancellationToken)).Created);
    }

    public Task FenceAsync(MoverAddress repository, Guid taskId, long lowestToken, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => await client.FenceAsync(
            new FenceRequest { Repository = repository.Repository, TaskId = taskId.ToString("D"), FencingToken = lowestToken },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken));

    public Task<CommittedPoint> CommitAsync(MoverAddress repository, Guid jobId, BuiltManifest manifest, CancellationToken cancellationToken) =>
        CallAsync(repository, async client =>
        {
            var point = await client.CommitAsync(
                new CommitRequest
                {
                    Repository = repository.Repository,
                    JobId = jobId.ToString("D"),
                    Manifest = UnsafeByteOperations.UnsafeWrap(manifest.Stored),
                    MetadataFrames = { manifest.Frames.Select(UnsafeByteOperations.UnsafeWrap) },
                },
                deadline: Deadline(CommitLimit),
                cancellationToken: cancellationToken);
            return new CommittedPoint(point.PointId, point.Created, point.StoredBytes, point.LockedUntil?.ToDateTimeOffset());
        });

    public Task AbortJobAsync(MoverAddress repository, Guid jobId, IReadOnlyList<Guid> taskIds, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => await client.AbortJobAsync(
            new AbortJobRequest
            {
                Repository = repository.Repository,
                JobId = jobId.ToString("D"),
                TaskIds = { taskIds.Select(task => task.ToString("D")) },
            },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken));

    public Task RemovePointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => await client.RemovePointAsync(
            new RemovePointRequest { Repository = repository.Repository, PointId = pointId },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken));

    public Task<string?> SetPointAsideAsync(MoverAddress repository, string path, bool unauthentic, CancellationToken cancellationToken) =>
        CallAsync(repository, async client =>
        {
            var answer = await client.SetPointAsideAsync(
                new SetPointAsideRequest { Repository = repository.Repository, Path = path, Unauthentic = unauthentic },
                deadline: Deadline(CallLimit),
                cancellationToken: cancellationToken);
            return answer.Moved ? answer.MovedTo : null;
        });

    public Task<DateTimeOffset> LockPointAsync(MoverAddress repository, string pointId, TimeSpan period, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => (await client.LockPointAsync(
            new LockPointRequest { Repository = repository.Repository, PointId = pointId, Seconds = (long)period.TotalSeconds },
            deadline: Deadline(CommitLimit),
            cancellationToken: cancellationToken)).LockedUntil.ToDateTimeOffset());

    public async IAsyncEnumerable<ListedPoint> ListPointsAsync(
        MoverAddress repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var call = ClientOf(repository).ListPoints(new ListPointsRequest { Repository = repository.Repository }, cancellationToken: cancellationToken);
        while (true)
        {
            try
            {
                if (!await call.ResponseStream.MoveNext(cancellationToken))
                {
                    yield break;
                }
            }
            catch (RpcException failure)
            {
                throw ToMoverException(repository, failure);
            }

            var point = call.ResponseStream.Current;
            yield return new ListedPoint(point.PointId, point.Manifest.Memory, point.Problem, point.LockedUntil?.ToDateTimeOffset(), point.Path);
        }
    }

    public async Task<ReadOnlyMemory<byte>?> FindPointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync(repository, async client => (await client.GetPointAsync(
                new GetPointRequest { Repository = repository.Repository, PointId = pointId },
                deadline: Deadline(CallLimit),
                cancellationToken: cancellationToken)).Manifest.Memory);
        }
        catch (MoverException failure) when (failure.Failure == MoverFailure.NotFound)
        {
            return null;
        }
    }

    public Task<ReadOnlyMemory<byte>> ReadBlobFrameAsync(MoverAddress repository, string pointId, string blob, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => (await client.GetPointBlobAsync(
            new GetPointBlobRequest { Repository = repository.Repository, PointId = pointId, Blob = blob },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken)).Frame.Memory);

    public Task<VerifyPointResponse> VerifyPointAsync(MoverAddress repository, string pointId, Action<long>? progress, CancellationToken cancellationToken) =>
        CallAsync(repository, async client =>
        {
            var request = new WatchVerifyPointRequest { Repository = repository.Repository, PointId = pointId };
            VerifyPointResponse? result = null;
            using var call = client.WatchVerifyPoint(request, deadline: Deadline(VerifyLimit), cancellationToken: cancellationToken);
            while (await call.ResponseStream.MoveNext(cancellationToken))
            {
                progress?.Invoke(call.ResponseStream.Current.CheckedBytes);
                result = call.ResponseStream.Current.Result ?? result;
            }

            return result ?? throw new RpcException(new Status(StatusCode.Unavailable, "the verification ended without a result"));
        });

    public Task<bool> HasKnownDamageAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => (await client.FindKnownDamageAsync(
            new FindKnownDamageRequest { Repository = repository.Repository, PointId = pointId },
            deadline: Deadline(CommitLimit),
            cancellationToken: cancellationToken)).Disks.Count > 0);

    public async IAsyncEnumerable<CollectGarbageResponse> CollectGarbageAsync(
        MoverAddress repository, bool dryRun, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // The round has no deadline: it takes what it takes, and ends when the caller goes away. So whether anybody is there is asked first.
        _ = await ReadStatusAsync(repository, cancellationToken);
        using var call = ClientOf(repository).CollectGarbage(
            new CollectGarbageRequest { Repository = repository.Repository, DryRun = dryRun }, cancellationToken: cancellationToken);
        while (true)
        {
            try
            {
                if (!await call.ResponseStream.MoveNext(cancellationToken))
                {
                    yield break;
                }
            }
            catch (RpcException failure)
            {
                throw ToMoverException(repository, failure);
            }

            yield return call.ResponseStream.Current;
        }
    }

    public Task<MoverKeySlots> ListKeySlotsAsync(MoverAddress repository, CancellationToken cancellationToken) =>
        CallAsync(repository, async client =>
        {
            var answer = await client.ListKeySlotsAsync(
                new ListKeySlotsRequest { Repository = repository.Repository }, deadline: Deadline(CallLimit), cancellationToken: cancellationToken);
            return new MoverKeySlots([.. answer.Slots.Select(slot => slot.Memory)], answer.Problems);
        });

    public Task AddKeySlotAsync(MoverAddress repository, ReadOnlyMemory<byte> slot, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => await client.AddKeySlotAsync(
            new AddKeySlotRequest { Repository = repository.Repository, Slot = UnsafeByteOperations.UnsafeWrap(slot) },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken));

    public Task<bool> RemoveKeySlotAsync(MoverAddress repository, Guid slotId, CancellationToken cancellationToken) =>
        CallAsync(repository, async client => (await client.RemoveKeySlotAsync(
            new RemoveKeySlotRequest { Repository = repository.Repository, SlotId = slotId.ToString("D") },
            deadline: Deadline(CallLimit),
            cancellationToken: cancellationToken)).Removed);

    public void Dispose()
    {
        foreach (var channel in _channels.Values.Where(channel => channel.IsValueCreated))
        {
            channel.Value.Dispose();
        }
    }

    private static DateTime Deadline(TimeSpan limit) => TimeProvider.System.GetUtcNow().UtcDateTime + limit; // gRPC measures deadlines by the real clock.

    private MoverControlService.MoverControlServiceClient ClientOf(MoverAddress repository)
    {
        try
        {
            return new(_channels.GetOrAdd(repository.Address, address => new Lazy<GrpcChannel>(() => GrpcChannels.Create(address, tls))).Value);
        }
        catch (OperatorException failure)
        {
            throw new MoverException(MoverFailure.Refused, failure.Message, failure);
        }
    }

    private async Task<T> CallAsync<T>(MoverAddress repository, Func<MoverControlService.MoverControlServiceClient, Task<T>> call)
    {
        try
        {
            return await call(ClientOf(repository));
        }
        catch (RpcException failure)
        {
            throw ToMoverException(repository, failure);
        }
    }

    private static MoverException ToMoverException(MoverAddress repository, RpcException failure)
    {
        var kind = failure.StatusCode switch
        {
            StatusCode.Unavailable or StatusCode.DeadlineExceeded or StatusCode.Aborted => MoverFailure.Unreachable,
            // The Data Mover's configuration lacks the whole repository: that says nothing about the point that was asked for.
            StatusCode.NotFound when FailureStatus.ReasonOf(failure) is "unknown-repository" => MoverFailure.Refused,
            StatusCode.NotFound => MoverFailure.NotFound,
            StatusCode.FailedPrecondition when FailureStatus.ReasonOf(failure) is "busy" or "draining" => MoverFailure.Unreachable,
            StatusCode.FailedPrecondition when FailureStatus.ReasonOf(failure) is "missing-frames" => MoverFailure.MissingFrames,
            StatusCode.FailedPrecondition or StatusCode.InvalidArgument or StatusCode.AlreadyExists or StatusCode.PermissionDenied => MoverFailure.Refused,
            StatusCode.ResourceExhausted => MoverFailure.Full,
            StatusCode.DataLoss => MoverFailure.Damaged,
            // A refused or foreign certificate shows as Internal too; the text tells.
            _ => MoverFailure.Unknown,
        };
        var text = kind == MoverFailure.Unreachable && failure.StatusCode != StatusCode.FailedPrecondition
            ? $"The Data Mover {repository.Address} cannot be reached: {failure.Status.DebugException?.GetBaseException().Message ?? failure.Status.Detail}"
            : $"The Data Mover {repository.Address} refused: {failure.Status.Detail}";
        return new MoverException(kind, text, failure);
    }
}
