// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store;

/// <summary>An open repository: the only one that writes to its storage (invariant 14). Safe for concurrent use.</summary>
public sealed partial class RepositoryStore : IAsyncDisposable
{
    private RepositoryStore()
    {
    }

    /// <summary>What writers and readers must know.</summary>
    public RepositoryParameters Parameters => throw new NotSupportedException("not landed yet");

    /// <summary>What opening it repaired.</summary>
    public RecoveryReport Recovery => throw new NotSupportedException("not landed yet");

    /// <summary>Makes an empty repository.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.AlreadyExists"/>: there is one; nothing was changed.</exception>
    public static Task CreateAsync(IStorageBackend storage, RepositoryParameters parameters, CancellationToken cancellationToken) =>
        throw new NotSupportedException("not landed yet");

    /// <summary>Opens a repository and repairs what a crash left.</summary>
    /// <param name="storage">Stays the caller's to dispose, after the store.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="timeProvider">The clock of time-outs and flush delays.</param>
    /// <param name="logger">For what an operator should know.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.NotARepository"/>, <see cref="RepositoryError.NewerFormat"/>, <see cref="RepositoryError.Locked"/>,
    /// <see cref="RepositoryError.Damaged"/> when repo.json itself is.
    /// </exception>
    public static Task<RepositoryStore> OpenAsync(
        IStorageBackend storage,
        RepositoryStoreOptions options,
        TimeProvider timeProvider,
        ILogger<RepositoryStore> logger,
        CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Opens a session for one attempt at one disk. An open session of the task with the same or a lower token ends.</summary>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.Fenced"/>; <see cref="RepositoryError.NotFound"/> when the base point or its disk is not there.
    /// </exception>
    public Task<WriteSession> OpenWriteSessionAsync(WriteSessionRequest request, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>The open session of this id, or null.</summary>
    public WriteSession? FindWriteSession(Guid sessionId) => throw new NotSupportedException("not landed yet");

    /// <summary>Opens a session that reads one point.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>.</exception>
    public Task<ReadSession> OpenReadSessionAsync(string pointId, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>The open session of this id, or null.</summary>
    public ReadSession? FindReadSession(Guid sessionId) => throw new NotSupportedException("not landed yet");

    /// <summary>
    /// Refuses, from now on and for ever, every token of the task below <paramref name="token"/> (invariant 7). Durable on return,
    /// idempotent; open sessions with lower tokens have ended and will change nothing any more.
    /// </summary>
    public Task FenceAsync(string taskId, long token, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Makes a restore point: one atomic step, idempotent by job id (invariants 1 and 10).</summary>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.MissingFrames"/> lists what is reachable from the roots and in no live pack; send it and commit again.
    /// </exception>
    public Task<CommitResult> CommitAsync(CommitRequest request, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>The points, oldest first, of one manager and VM where given.</summary>
    public IReadOnlyList<PointInfo> ListPoints(string? managerId = null, string? vmId = null) => throw new NotSupportedException("not landed yet");

    /// <summary>The point of this id, or null.</summary>
    public PointInfo? FindPoint(string pointId) => throw new NotSupportedException("not landed yet");

    /// <summary>The point a job made, or null.</summary>
    public PointInfo? FindPointOfJob(string jobId) => throw new NotSupportedException("not landed yet");

    /// <summary>Reads and proves a manifest.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>, <see cref="RepositoryError.Damaged"/>.</exception>
    public Task<VmManifest> ReadManifestAsync(string pointId, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Reads every frame of a point, or of all points, and proves its content. What is damaged is remembered (see <see cref="FrameDamage"/>).</summary>
    /// <param name="pointId">One point, or null for all.</param>
    /// <param name="progress">Content bytes done so far; may be null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public Task<VerifyReport> VerifyAsync(string? pointId, IProgress<long>? progress, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    public RepositoryStatistics GetStatistics() => throw new NotSupportedException("not landed yet");

    /// <summary>Ends all sessions, flushes, seals nothing that need not be, and gives the lock back.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException("not landed yet");
}
