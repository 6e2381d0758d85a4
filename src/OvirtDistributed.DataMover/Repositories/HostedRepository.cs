// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using RepositoryParameters = OvirtDistributed.Repository.RepositoryParameters;

namespace OvirtDistributed.DataMover.Repositories;

/// <summary>One configured repository: closed, open, or with the reason why it is not. Safe for concurrent use.</summary>
internal sealed partial class HostedRepository : IAsyncDisposable
{
    private readonly RepositoryOptions _options;
    private readonly LimitOptions _limits;
    private readonly IRepositoryPlace _place;
    private readonly TimeProvider _timeProvider;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile OpenState _state = new(RepositoryState.Opening, "It is being opened.", null, null);
    private bool _disposed;

    public HostedRepository(string name, RepositoryOptions options, LimitOptions limits, TimeProvider timeProvider, ILoggerFactory loggers)
    {
        Name = name;
        _place = options.S3 is null ? new DirectoryPlace(name, options.Path!) : new BucketPlace(name, options.S3, timeProvider, loggers);
        _options = options;
        _limits = limits;
        _timeProvider = timeProvider;
        _loggers = loggers;
        _logger = loggers.CreateLogger<HostedRepository>();
    }

    public string Name { get; }

    /// <summary>The directory or bucket, for operators.</summary>
    public string Location => _place.Description;

    /// <summary>How its garbage is collected.</summary>
    public CollectionOptions Collection => _options.GarbageCollection;

    public RepositoryState State => _state.State;

    /// <summary>Why it is not ready; empty when it is.</summary>
    public string Problem => _state.Problem;

    /// <summary>The store, or null while not ready.</summary>
    public RepositoryStore? Store => _state.Store;

    /// <summary>The store.</summary>
    /// <exception cref="OperatorException">It is not open; the message says why and what to do.</exception>
    public RepositoryStore RequireStore()
    {
        var state = _state;
        return state.Store ?? throw state.State switch
        {
            RepositoryState.NotCreated => new OperatorException(
                FailureKind.WrongState, $"Repository '{Name}' ({Location}) has not been created yet: add it to the backup server first (ovd repository add). {state.Problem}")
            { Reason = FailureReasons.NotCreated },
            RepositoryState.Opening => new OperatorException(
                FailureKind.Unavailable, $"Repository '{Name}' ({Location}) is being opened: try again in a moment.")
            { Reason = FailureReasons.Opening },
            _ => new OperatorException(
                FailureKind.Unavailable, $"Repository '{Name}' ({Location}) cannot be used: {state.Problem}")
            { Reason = FailureReasons.RepositoryFailed },
        };
    }

    /// <summary>Opens it unless it is open; afterwards <see cref="State"/> tells how that went. Does not throw for what is wrong with the repository.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_state.Store is null && !_disposed)
            {
                await OpenLockedAsync(cancellationToken);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Creates and opens it.</summary>
    /// <param name="parameters">How.</param>
    /// <param name="isReplica">The parameters are those of another repository, and one that exists must cut exactly so.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False when it existed with these parameters.</returns>
    /// <exception cref="OperatorException">It exists with other parameters, or the place is in use by something else.</exception>
    public async Task<bool> CreateAsync(RepositoryParameters parameters, bool isReplica, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_state.Store is null)
            {
                await OpenLockedAsync(cancellationToken);
            }

            if (_state.Store is { } existing)
            {
                RequireSame(existing.Parameters, parameters, isReplica);
                return false;
            }

            if (_state.State != RepositoryState.NotCreated)
            {
                _ = RequireStore();
            }

            await _place.RequireEmptyAsync(cancellationToken);
            await using (var storage = await _place.OpenAsync(cancellationToken))
            {
                await RepositoryStore.CreateAsync(storage, parameters with { PackSize = _place.PackSize }, cancellationToken);
            }

            await OpenLockedAsync(cancellationToken);
            _ = RequireStore();
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync(CancellationToken.None);
        try
        {
            _disposed = true;
            var state = _state;
            _state = new OpenState(RepositoryState.Failed, "The Data Mover is stopping.", null, null);
            await CloseAsync(state.Store, state.Storage);
        }
        finally
        {
            _turn.Release();
        }
    }

    private static async Task CloseAsync(RepositoryStore? store, IStorageBackend? storage)
    {
        if (store is not null)
        {
            await store.DisposeAsync();
        }

        if (storage is not null)
        {
            await storage.DisposeAsync();
        }
    }

    private async Task OpenLockedAsync(CancellationToken cancellationToken)
    {
        if (_place.FindAbsence() is { } absence)
        {
            Become(absence.State, absence.Problem);
            return;
        }

        IStorageBackend? storage = null;
        try
        {
            storage = await _place.OpenAsync(cancellationToken);
            var store = await RepositoryStore.OpenAsync(
                storage, StoreOptions(), _timeProvider, _loggers.CreateLogger<RepositoryStore>(), cancellationToken);
            _state = new OpenState(RepositoryState.Ready, "", store, storage);
            Log.RepositoryOpened(_logger, Name, Location, store.Parameters.RepositoryId, store.Recovery.IsClean);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            await CloseAsync(null, storage);
            var state = failure is RepositoryException { Error: RepositoryError.NotARepository } ? RepositoryState.NotCreated : RepositoryState.Failed;
            if (failure is not RepositoryException)
            {
                Log.OpenFailedUnexpectedly(_logger, Name, Location, failure);
            }

            Become(state, failure.Message);
        }
    }

    private RepositoryStoreOptions StoreOptions() => _place.Habits with
    {
        SessionIdleTimeout = _limits.SessionIdleTimeout,
        VerifyChunkDigests = _options.VerifyDigests,
        LockNewPointsFor = TimeSpan.FromDays(_options.LockDays),
        Rewriting = _options.Rewriting.ToRewriteOptions(),
    };

    private void Become(RepositoryState state, string problem)
    {
        if (_state.State != state || _state.Problem != problem)
        {
            Log.RepositoryNotUsable(_logger, Name, Location, state, problem);
        }

        _state = new OpenState(state, problem, null, null);
    }

    private void RequireSame(RepositoryParameters existing, RepositoryParameters wanted, bool isReplica)
    {
        if (existing.Chunker.AverageSize != wanted.Chunker.AverageSize)
        {
            throw new OperatorException(
                FailureKind.AlreadyExists,
                $"Repository '{Name}' exists with an average chunk of {existing.Chunker.AverageSize} bytes, {wanted.Chunker.AverageSize} were asked for: "
                + "leave the size out to use it as it is, or take another place.");
        }

        if (isReplica && !existing.Chunker.Equals(wanted.Chunker))
        {
            throw new OperatorException(
                FailureKind.AlreadyExists, $"Repository '{Name}' exists and cuts disks in its own way, so it is no replica of that one: add it as it is, or take another place.");
        }

        if (!Equals(existing.Encryption, wanted.Encryption))
        {
            throw new OperatorException(
                FailureKind.AlreadyExists,
                $"Repository '{Name}' exists {(existing.Encryption is { } key ? $"and is encrypted (key set {key.KeySetId})" : "and is not encrypted")}: "
                + "encryption is chosen at creation; add the repository as it is, or take another place.");
        }
    }

    private sealed record OpenState(RepositoryState State, string Problem, RepositoryStore? Store, IStorageBackend? Storage);
}
