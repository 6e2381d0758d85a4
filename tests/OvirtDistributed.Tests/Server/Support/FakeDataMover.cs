// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>A Data Mover in memory: fences, commits by job, points.</summary>
internal sealed class FakeDataMover : IDataMover
{
    private readonly Queue<MoverException> _faults = [];
    private readonly Dictionary<ChunkDigest, byte[]> _frames = [];

    /// <summary>For the test only: a Data Mover has no key.</summary>
    public ContentKeys Keys { get; set; } = ContentKeys.Plain;

    public Dictionary<Guid, long> Fences { get; } = [];

    public Dictionary<Guid, byte[]> PointsByJob { get; } = [];

    /// <summary>Points listed with a problem instead of their manifest.</summary>
    public HashSet<string> Unreadable { get; } = [];

    /// <summary>Points that a verification finds damaged.</summary>
    public HashSet<string> Damaged { get; } = [];

    public List<Guid> Aborted { get; } = [];

    public int Commits { get; private set; }

    public IReadOnlyList<string> PointIds => [.. PointsByJob.Values.Select(point => Read(point).PointId)];

    /// <summary>The next calls fail with these, one each.</summary>
    public void Arm(MoverFailure failure) => _faults.Enqueue(new MoverException(failure, $"the Data Mover was made to fail: {failure}"));

    public bool AllFaultsFired => _faults.Count == 0;

    /// <summary>What its repository says about encryption.</summary>
    public EncryptionParameters? Encryption { get; set; }

    /// <summary>False: the repository has to be created first.</summary>
    public bool Exists { get; set; } = true;

    /// <summary>It takes calls for its status and never answers them.</summary>
    public bool IsSilent { get; set; }

    public async Task<MoverRepositoryStatus> ReadStatusAsync(MoverAddress repository, CancellationToken cancellationToken)
    {
        Strike();
        if (IsSilent)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }

        return new MoverRepositoryStatus("uid-1", Exists, Exists, "", PointsByJob.Count, 0, 1000, "/repository", "1") { Encryption = Encryption };
    }

    /// <summary>Creates it, and does not encrypt it whatever was asked for.</summary>
    public Task<bool> CreateRepositoryAsync(MoverAddress repository, NewRepository parameters, CancellationToken cancellationToken)
    {
        Exists = true;
        return Task.FromResult(true);
    }

    public Task FenceAsync(MoverAddress repository, Guid taskId, long lowestToken, CancellationToken cancellationToken)
    {
        Strike();
        Fences[taskId] = Math.Max(Fences.GetValueOrDefault(taskId), lowestToken);
        return Task.CompletedTask;
    }

    public Task<CommittedPoint> CommitAsync(MoverAddress repository, Guid jobId, BuiltManifest manifest, CancellationToken cancellationToken)
    {
        Strike();
        Commits++;
        var created = PointsByJob.TryAdd(jobId, manifest.Stored.ToArray());
        foreach (var frame in created ? manifest.Frames : [])
        {
            _frames[FrameHeader.Read(frame.Span).Digest] = frame.ToArray();
        }

        return Task.FromResult(new CommittedPoint(Read(PointsByJob[jobId]).PointId, created, 0));
    }

    public Task AbortJobAsync(MoverAddress repository, Guid jobId, IReadOnlyList<Guid> taskIds, CancellationToken cancellationToken)
    {
        Strike();
        Aborted.Add(jobId);
        return Task.CompletedTask;
    }

    public Task RemovePointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken)
    {
        Strike();
        if (Locks.TryGetValue(pointId, out var until) && until > TimeProvider.System.GetUtcNow())
        {
            throw new MoverException(MoverFailure.Refused, $"point {pointId}: locked until {until:u}");
        }

        var (job, _) = PointsByJob.FirstOrDefault(point => Read(point.Value).PointId == pointId);
        PointsByJob.Remove(job);
        return Task.CompletedTask;
    }

    /// <summary>The ends of locks; also those of points that are still to be committed.</summary>
    public Dictionary<string, DateTimeOffset> Locks { get; } = new(StringComparer.Ordinal);

    public Task<DateTimeOffset> LockPointAsync(MoverAddress repository, string pointId, TimeSpan period, CancellationToken cancellationToken)
    {
        Strike();
        var until = TimeProvider.System.GetUtcNow() + period;
        Locks[pointId] = Locks.TryGetValue(pointId, out var known) && known > until ? known : until;
        return Task.FromResult(Locks[pointId]);
    }

    private DateTimeOffset? LockOf(string pointId) => Locks.TryGetValue(pointId, out var until) ? until : null;

    public async IAsyncEnumerable<ListedPoint> ListPointsAsync(MoverAddress repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var point in PointsByJob.Values)
        {
            await Task.Yield();
            var id = Read(point).PointId;
            yield return Unreadable.Contains(id)
                ? new ListedPoint(id, default, "the manifest was made unreadable", LockOf(id), PathOf(id))
                : new ListedPoint(id, point, "", LockOf(id), PathOf(id));
        }
    }

    public static string PathOf(string pointId) => $"points/manager/vm/{pointId}.json";

    public Task<string?> SetPointAsideAsync(MoverAddress repository, string path, bool unauthentic, CancellationToken cancellationToken)
    {
        Strike();
        var (job, manifest) = PointsByJob.FirstOrDefault(point => PathOf(Read(point.Value).PointId) == path);
        if (manifest is null)
        {
            return Task.FromResult<string?>(null);
        }

        PointsByJob.Remove(job);
        return Task.FromResult<string?>("damaged" + path["points".Length..]);
    }

    /// <summary>Repositories, by their names at the Data Mover, whose points cannot be read.</summary>
    public HashSet<string> Unreachable { get; } = new(StringComparer.Ordinal);

    public Task<ReadOnlyMemory<byte>?> FindPointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken) => Unreachable.Contains(repository.Repository)
        ? Task.FromException<ReadOnlyMemory<byte>?>(new MoverException(MoverFailure.Unreachable, "the Data Mover was made unreachable"))
        : Task.FromResult(PointsByJob.Values.FirstOrDefault(point => Read(point).PointId == pointId) is { } found ? (ReadOnlyMemory<byte>?)found : null);

    /// <summary>The packs with what is no disk are lost.</summary>
    public bool LostBlobs { get; set; }

    public Task<ReadOnlyMemory<byte>> ReadBlobFrameAsync(MoverAddress repository, string pointId, string blob, CancellationToken cancellationToken)
    {
        Strike();
        if (LostBlobs)
        {
            throw new MoverException(MoverFailure.MissingFrames, "The Data Mover refused: 1 objects are lost: they are in no pack, the first is 54ab");
        }

        var manifest = PointsByJob.Values.Select(Read).First(point => point.PointId == pointId);
        return Task.FromResult<ReadOnlyMemory<byte>>(_frames[manifest.Blobs.First(each => each.Name == blob).Digest]);
    }

    public Task<VerifyPointResponse> VerifyPointAsync(MoverAddress repository, string pointId, Action<long>? progress, CancellationToken cancellationToken)
    {
        Strike();
        var answer = new VerifyPointResponse { Healthy = !Damaged.Contains(pointId) };
        if (!answer.Healthy)
        {
            answer.Damaged.Add(new DamagedObject { Object = "digest", Problem = "made damaged by the test" });
        }

        return Task.FromResult(answer);
    }

    /// <summary>Points that use what the verification of another one found damaged.</summary>
    public HashSet<string> SharingDamage { get; } = [];

    public Task<bool> HasKnownDamageAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken)
    {
        Strike();
        return Task.FromResult(SharingDamage.Contains(pointId));
    }

    public async IAsyncEnumerable<CollectGarbageResponse> CollectGarbageAsync(
        MoverAddress repository, bool dryRun, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        yield return new CollectGarbageResponse { Report = new GarbageReport { DryRun = dryRun } };
    }

    public Task<MoverKeySlots> ListKeySlotsAsync(MoverAddress repository, CancellationToken cancellationToken) => Task.FromResult(new MoverKeySlots([], []));

    public Task AddKeySlotAsync(MoverAddress repository, ReadOnlyMemory<byte> slot, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<bool> RemoveKeySlotAsync(MoverAddress repository, Guid slotId, CancellationToken cancellationToken) => Task.FromResult(false);

    /// <summary>A manifest as who has the key reads it.</summary>
    public VmManifest Read(byte[] manifest) => ManifestCodec.Read("test", manifest, Keys);

    private void Strike()
    {
        if (_faults.TryDequeue(out var failure))
        {
            throw failure;
        }
    }
}
