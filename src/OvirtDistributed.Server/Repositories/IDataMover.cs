// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Catalog;

namespace OvirtDistributed.Server.Repositories;

/// <summary>What the server says to Data Movers. Every call is idempotent. Failures are <see cref="MoverException"/>.</summary>
internal interface IDataMover
{
    Task<MoverRepositoryStatus> ReadStatusAsync(MoverAddress repository, CancellationToken cancellationToken);

    /// <summary>Answers whether it was made by this call.</summary>
    Task<bool> CreateRepositoryAsync(MoverAddress repository, NewRepository parameters, CancellationToken cancellationToken);

    /// <summary>Durable on return: no session of the task with a lower token writes or reads any more.</summary>
    Task FenceAsync(MoverAddress repository, Guid taskId, long lowestToken, CancellationToken cancellationToken);

    /// <summary>Durable on return. The second call for a job answers the same point.</summary>
    Task<CommittedPoint> CommitAsync(MoverAddress repository, Guid jobId, BuiltManifest manifest, CancellationToken cancellationToken);

    /// <summary>Ends the sessions of a job that will not be committed, for ever.</summary>
    Task AbortJobAsync(MoverAddress repository, Guid jobId, IReadOnlyList<Guid> taskIds, CancellationToken cancellationToken);

    /// <summary>Removes a restore point, durably; its space comes back with garbage collection.</summary>
    /// <exception cref="MoverException">Refused while the point is locked or in use.</exception>
    Task RemovePointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken);

    /// <summary>Moves a manifest that cannot be read out of the way, durably.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="path">The manifest, as <see cref="ListPointsAsync"/> names it.</param>
    /// <param name="unauthentic">Its authentication code does not hold, which the Data Mover cannot see.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Its name now; null when there was none.</returns>
    Task<string?> SetPointAsideAsync(MoverAddress repository, string path, bool unauthentic, CancellationToken cancellationToken);

    /// <summary>Locks a point for a time from now on, durably; an earlier, longer lock stays.</summary>
    /// <returns>The end that holds now.</returns>
    Task<DateTimeOffset> LockPointAsync(MoverAddress repository, string pointId, TimeSpan period, CancellationToken cancellationToken);

    /// <summary>Every point, also those whose manifest cannot be read.</summary>
    IAsyncEnumerable<ListedPoint> ListPointsAsync(MoverAddress repository, CancellationToken cancellationToken);

    /// <summary>Null when the repository has no such point.</summary>
    Task<ReadOnlyMemory<byte>?> FindPointAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken);

    /// <summary>The stored frame of a metadata blob.</summary>
    Task<ReadOnlyMemory<byte>> ReadBlobFrameAsync(MoverAddress repository, string pointId, string blob, CancellationToken cancellationToken);

    /// <summary>Reads every object of a point and checks it; says how many bytes it has checked from time to time.</summary>
    Task<VerifyPointResponse> VerifyPointAsync(MoverAddress repository, string pointId, Action<long>? progress, CancellationToken cancellationToken);

    /// <summary>Whether a disk of a point needs what is known to be damaged. Finds nothing new.</summary>
    Task<bool> HasKnownDamageAsync(MoverAddress repository, string pointId, CancellationToken cancellationToken);

    /// <summary>Collects garbage: progress, and last the report. Ends when nobody asks for more.</summary>
    IAsyncEnumerable<CollectGarbageResponse> CollectGarbageAsync(MoverAddress repository, bool dryRun, CancellationToken cancellationToken);

    /// <summary>The key slots in their stored form, oldest first, and what is wrong with those that cannot be read.</summary>
    Task<MoverKeySlots> ListKeySlotsAsync(MoverAddress repository, CancellationToken cancellationToken);

    /// <summary>Durable on return.</summary>
    Task AddKeySlotAsync(MoverAddress repository, ReadOnlyMemory<byte> slot, CancellationToken cancellationToken);

    /// <summary>Durable on return; answers whether there was one.</summary>
    Task<bool> RemoveKeySlotAsync(MoverAddress repository, Guid slotId, CancellationToken cancellationToken);
}

/// <summary>How a repository is made.</summary>
/// <param name="ChunkAverageBytes">0 = the usual.</param>
/// <param name="Encryption">Null = without.</param>
/// <param name="ReplicaOf">The parameters of the repository it becomes a replica of; null for one of its own.</param>
internal sealed record NewRepository(int ChunkAverageBytes, EncryptionParameters? Encryption, RepositoryParameters? ReplicaOf = null);

/// <param name="Stored">Those that can be read.</param>
/// <param name="Problems">One for each of the others.</param>
internal sealed record MoverKeySlots(IReadOnlyList<ReadOnlyMemory<byte>> Stored, IReadOnlyList<string> Problems);

internal sealed record MoverAddress(string Address, string Repository);

/// <summary>A point of a repository. <see cref="Problem"/> says why <see cref="Manifest"/> is empty; it is empty itself when all is well.</summary>
/// <param name="PointId">The point.</param>
/// <param name="Manifest">In its stored form.</param>
/// <param name="Problem">For people.</param>
/// <param name="LockedUntil">It cannot be removed before.</param>
/// <param name="Path">The manifest's name in the repository; empty when the Data Mover is of an older version.</param>
internal sealed record ListedPoint(string PointId, ReadOnlyMemory<byte> Manifest, string Problem, DateTimeOffset? LockedUntil = null, string Path = "");

internal sealed record CommittedPoint(string PointId, bool Created, long StoredBytes, DateTimeOffset? LockedUntil = null);

internal sealed record MoverRepositoryStatus(
    string RepositoryUid, bool Exists, bool Ready, string Problem, long Points, long StoredBytes, long FreeBytes, string Location, string Version)
{
    /// <summary>Null when it is not encrypted.</summary>
    public EncryptionParameters? Encryption { get; init; }

    public int KeySlots { get; init; }

    /// <summary>When garbage was collected last; null when it was not since the Data Mover opened the repository.</summary>
    public DateTimeOffset? Collected { get; init; }

    /// <summary>Why that gave nothing back; empty when all was well.</summary>
    public IReadOnlyList<string> CollectionProblems { get; init; } = [];

    /// <summary>Null while it is not open, and of a Data Mover of an older version.</summary>
    public RepositoryParameters? Parameters { get; init; }
}
