// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Tests.Server.Support;

/// <summary>A Data Mover in memory: fences, commits by job, points.</summary>
internal sealed class FakeDataMover : IDataMover
{
    private readonly Queue<MoverException> _faults = [];

    public Dictionary<Guid, long> Fences { get; } = [];

    public Dictionary<Guid, byte[]> PointsByJob { get; } = [];

    /// <summary>Points listed with a problem instead of their manifest.</summary>
    public HashSet<string> Unreadable { get; } = [];

    public List<Guid> Aborted { get; } = [];

    public int Commits { get; private set; }

    public IReadOnlyList<string> PointIds => [.. PointsByJob.Values.Select(point => Read(point).PointId)];

    /// <summary>The next calls fail with these, one each.</summary>
    public void Arm(MoverFailure failure) => _faults.Enqueue(new MoverException(failure, $"the Data Mover was made to fail: {failure}"));

    public bool AllFaultsFired => _faults.Count == 0;

    public Task<MoverRepositoryStatus> ReadStatusAsync(MoverAddress repository, CancellationToken cancellationToken)
    {
        Strike();
        return Task.FromResult(new MoverRepositoryStatus("uid-1", true, true, "", PointsByJob.Count, 0, 1000, "/repository", "1"));
    }

    public Task<bool> CreateRepositoryAsync(MoverAddress repository, int chunkAverageBytes, CancellationToken cancellationToken) => Task.FromResult(false);

    public Task FenceAsync(MoverAddress repository, Guid taskId, long lowestToken, CancellationToken cancellationToken)
    {
        Strike();
        Fences[taskId] = Math.Max(Fences.GetValueOrDefault(taskId), lowestToken);
        return Task.CompletedTask;
    }

    public Task<CommittedPoint> CommitAsync(MoverAddress repository, Guid jobId, ReadOnlyMemory<byte> manifest, CancellationToken cancellationToken)
    {
        Strike();
        Commits++;
        var created = PointsByJob.TryAdd(jobId, manifest.ToArray());
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
        var (job, _) = PointsByJob.FirstOrDefault(point => Read(point.Value).PointId == pointId);
        PointsByJob.Remove(job);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<ListedPoint> ListPointsAsync(MoverAddress repository, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var point in PointsByJob.Values)
        {
            await Task.Yield();
            var id = Read(point).PointId;
            yield return Unreadable.Contains(id) ? new ListedPoint(id, default, "the manifest was made unreadable") : new ListedPoint(id, point, "");
        }
    }

    public Task<ReadOnlyMemory<byte>?> FindPointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken) =>
        Task.FromResult(PointsByJob.Values.FirstOrDefault(point => Read(point).PointId == pointId) is { } found ? (ReadOnlyMemory<byte>?)found : null);

    public static VmManifest Read(byte[] manifest) => ManifestCodec.Read("test", manifest);

    private void Strike()
    {
        if (_faults.TryDequeue(out var failure))
        {
            throw failure;
        }
    }
}
