// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <summary>An open repository: the only one that writes to its storage (invariant 14). Safe for concurrent use.</summary>
public sealed partial class RepositoryStore : IAsyncDisposable
{
    private readonly IStorageBackend _storage;
    private readonly IAsyncDisposable _lock;
    private readonly ILogger _logger;
    private readonly RecoveredState _state;
    private readonly Quarantine _quarantine;
    private readonly PackReaders _readers;
    private readonly SessionContext _context;
    private readonly KeyedLock _locks = new();
    private readonly CommitGate _commits = new();
    private readonly ConcurrentDictionary<Guid, WriteSession> _writeSessions = [];
    private readonly ConcurrentDictionary<string, WriteSession> _taskSessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, ReadSession> _readSessions = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly Channel<bool> _mergeWanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Channel<QuarantineItem> _damageSeen = Channel.CreateBounded<QuarantineItem>(
        new BoundedChannelOptions(1024) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Task _background;
    private int _disposed;

    private RepositoryStore(
        IStorageBackend storage,
        IAsyncDisposable held,
        RepositoryParameters parameters,
        ContentKeys keys,
        RecoveredState state,
        RepositoryStoreOptions options,
        TimeProvider timeProvider,
        ILogger logger)
    {
        _storage = storage;
        _lock = held;
        _logger = logger;
        _state = state;
        Parameters = parameters;
        _readers = new PackReaders(storage);
        _quarantine = new Quarantine(storage, state.Packs, state.QuarantineSequence);
        var packs = new PackContext
        {
            Storage = storage,
            RepositoryId = parameters.RepositoryId,
            PackSize = parameters.PackSize,
            Options = options,
            TimeProvider = timeProvider,
            Keys = keys,
            Packs = state.Packs,
            Index = state.Index,
        };
        _context = new SessionContext
        {
            Packs = packs,
            Pool = new PackPool(packs, state.Numbers),
            Reader = new StoredFrameReader(state.Index, state.Packs, _readers, OnDamageSeen),
            Parameters = parameters,
        };
        state.Index.OnRunWritten = () => _mergeWanted.Writer.TryWrite(true);
        _mergeWanted.Writer.TryWrite(true); // what a crash or a failure kept from being merged
        _background = Task.WhenAll(Task.Run(ExpireSessionsAsync), Task.Run(MergeRunsAsync), Task.Run(KeepDamageAsync), Task.Run(KeepTimeAsync));
    }

    /// <summary>What writers and readers must know.</summary>
    public RepositoryParameters Parameters { get; }

    /// <summary>What this process can do with content: of an encrypted repository only checksums and structure.</summary>
    public ContentKeys Keys => _context.Packs.Keys;

    internal Index.DigestIndex Index => _state.Index;

    /// <summary>What opening it repaired.</summary>
    public RecoveryReport Recovery => _state.Report;

    /// <summary>Makes an empty repository.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.AlreadyExists"/>: there is one; nothing was changed.</exception>
    public static Task CreateAsync(IStorageBackend storage, RepositoryParameters parameters, CancellationToken cancellationToken) =>
        RepositoryFile.CreateAsync(storage, parameters, cancellationToken);

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
    public static async Task<RepositoryStore> OpenAsync(
        IStorageBackend storage,
        RepositoryStoreOptions options,
        TimeProvider timeProvider,
        ILogger<RepositoryStore> logger,
        CancellationToken cancellationToken)
    {
        var parameters = await RepositoryFile.ReadAsync(storage, cancellationToken);
        var held = await RepositoryFile.LockAsync(storage, timeProvider, cancellationToken);
        try
        {
            var keys = parameters.Encryption is null ? ContentKeys.Plain : ContentKeys.Opaque;
            await TellUnreadableSlotsAsync(storage, logger, cancellationToken);
            var state = await new Recovery(storage, parameters, keys, options, timeProvider, logger).RunAsync(cancellationToken);
            var store = new RepositoryStore(storage, held, parameters, keys, state, options, timeProvider, logger);
            foreach (var problem in state.Report.Problems)
            {
                Log.ProblemFound(logger, problem);
            }

            Log.Opened(logger, parameters.RepositoryId, storage.Description, state.Points.Count, state.Packs.Count, state.Packs.TotalBytes);
            return store;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    /// <summary>The points, oldest first, of one manager and VM where given.</summary>
    public IReadOnlyList<PointInfo> ListPoints(string? managerId = null, string? vmId = null) => _state.Points.List(managerId, vmId);

    /// <summary>Manifests that cannot be used because others have their point ids. Nothing they reach is given back.</summary>
    public IReadOnlyList<DuplicatePoint> ListDuplicatePoints() =>
    [
        .. _state.Points.Duplicates().Select(point => new DuplicatePoint(point, DuplicatePoint.Describe(point, _state.Points.Find(point.PointId) ?? point))),
    ];

    /// <summary>The point of this id, or null.</summary>
    public PointInfo? FindPoint(string pointId) => _state.Points.Find(pointId);

    /// <summary>The point a job made, or null.</summary>
    public PointInfo? FindPointOfJob(string jobId) => _state.Points.FindOfJob(jobId);

    /// <summary>Reads and proves a manifest.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>, <see cref="RepositoryError.Damaged"/>.</exception>
    public async Task<VmManifest> ReadManifestAsync(string pointId, CancellationToken cancellationToken) =>
        (await ReadPointAsync(pointId, cancellationToken)).Manifest;

    /// <summary>Reads and proves a manifest, and gives its stored form with it.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>, <see cref="RepositoryError.Damaged"/>.</exception>
    public async Task<StoredManifest> ReadPointAsync(string pointId, CancellationToken cancellationToken)
    {
        var point = _state.Points.Find(pointId) ?? throw PointNotFound(pointId);
        var content = await RepositoryFile.ReadTextAsync(_storage, point.Path, cancellationToken) ?? throw PointNotFound(pointId);
        return new StoredManifest(ReadManifestOf(point, content), content);
    }

    private VmManifest ReadManifestOf(PointInfo point, byte[] content)
    {
        var manifest = ManifestCodec.Read(point.Path, content, Keys);
        return manifest.PointId == point.PointId && manifest.VmId == point.VmId && manifest.ManagerId == point.ManagerId && manifest.JobId == point.JobId
            ? manifest
            : throw RepositoryException.Damaged($"{point.Path}: it holds point {manifest.PointId} of VM {manifest.VmId}, job {manifest.JobId}");
    }

    /// <summary>Figures, from memory and without reading packs.</summary>
    public RepositoryStatistics GetStatistics()
    {
        var (runs, entries, plain, stored) = _state.Index.Totals();
        var capacity = _storage.GetCapacity();
        return new RepositoryStatistics
        {
            Points = _state.Points.Count,
            Packs = _state.Packs.Count,
            PackBytes = _state.Packs.TotalBytes,
            Frames = entries,
            StoredBytes = stored,
            PlainBytes = plain,
            IndexRuns = runs,
            WriteSessions = _writeSessions.Count,
            ReadSessions = _readSessions.Count,
            DamagedFrames = _state.Packs.QuarantinedCount,
            DamagedPacks = _state.Packs.CutOffCount,
            FreeBytes = capacity?.FreeBytes,
            TotalBytes = capacity?.TotalBytes,
        };
    }

    /// <summary>Ends all sessions, seals open packs, writes the index and gives the lock back. What fails of it the next opening makes good.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _closing.CancelAsync();
        await _collecting.WaitAsync(CancellationToken.None); // a round under way ends at its next pack
        await _background.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var session in _writeSessions.Values)
        {
            await session.EndAsync(RepositoryError.SessionEnded, "the repository was closed");
        }

        foreach (var session in _readSessions.Values)
        {
            await session.EndAsync(RepositoryError.SessionEnded, "the repository was closed");
        }

        await _context.Pool.DisposeAsync();
        try
        {
            await _state.Index.WriteTableAsync(CancellationToken.None);
        }
        catch (RepositoryException exception)
        {
            Log.MergeFailed(_logger, exception.Message);
        }

        await _state.Index.DisposeAsync();
        await SaveClockAsync();
        _readers.Dispose();
        _protecting.Dispose();
        _inspecting.Dispose();
        _quarantine.Dispose();
        _state.Numbers.Dispose();
        await _lock.DisposeAsync();
        _closing.Dispose();
    }

    private static RepositoryException PointNotFound(string pointId) => new(RepositoryError.NotFound, $"point {pointId}: not in this repository");

    private void ThrowIfClosed() => ObjectDisposedException.ThrowIf(_disposed != 0, this);

    // A frame that does not hold is not answered as present any more, so that the next backup sends it again: the reader fails, the disk heals.
    private void OnDamageSeen(ChunkDigest digest, Index.IndexEntry entry, string reason)
    {
        _state.Packs.Quarantine(entry.Pack, entry.Offset);
        _damageSeen.Writer.TryWrite(
            new QuarantineItem { Digest = digest, Kind = entry.Kind, Pack = entry.Pack, Offset = entry.Offset, Reason = reason });
    }

    private async Task KeepDamageAsync()
    {
        await foreach (var item in _damageSeen.Reader.ReadAllAsync(_closing.Token))
        {
            Log.DamageFound(_logger, item.Kind.ToString(), item.Digest.ToString(), PackFormat.NameOf(item.Pack), item.Offset, item.Reason);
            try
            {
                await _quarantine.AddAsync([item], _closing.Token);
            }
            catch (RepositoryException exception)
            {
                Log.DamageNotKept(_logger, exception.Message);
            }
        }
    }

    private async Task MergeRunsAsync()
    {
        await foreach (var _ in _mergeWanted.Reader.ReadAllAsync(_closing.Token))
        {
            try
            {
                await _state.Index.MergeAsync(_closing.Token);
            }
            catch (RepositoryException exception)
            {
                Log.MergeFailed(_logger, exception.Message);
            }
        }
    }
}
