// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// The lock of a repository on S3: an object with owner and end, renewed while this process lives. Its ETag changes with every write, and every write asks
/// for the ETag seen last, so of two that want it one wins. When renewals fail the owner stops writing; when one succeeds again nobody else has had the
/// lease meanwhile, and writing goes on. When somebody has, it is over for good.
/// </summary>
internal sealed partial class S3Lease : IAsyncDisposable
{
    private const int MaxLength = 4096;

    private readonly S3Bucket _bucket;
    private readonly string _key;
    private readonly TimeProvider _timeProvider;
    private readonly S3LeaseTimes _times;
    private readonly ILogger _logger;
    private readonly Action<S3Lease> _released;
    private readonly Guid _owner;
    private readonly CancellationTokenSource _stop = new();
    private volatile CancellationTokenSource _window;
    private volatile bool _taken;
    private S3Stored _stored;
    private Task _renewals = Task.CompletedTask;
    private int _disposed;

    private S3Lease(Request request, Guid owner, S3Stored stored, TimeSpan left)
    {
        (_bucket, _key, _timeProvider, _times, _logger, _released) = request;
        _owner = owner;
        _stored = stored;
        _window = new CancellationTokenSource(left, _timeProvider);
    }

    /// <summary>Whether this process may write.</summary>
    public bool IsValid => !_taken && !_window.IsCancellationRequested;

    /// <summary>Ends when this process must not write any more.</summary>
    public CancellationToken WritesEnd => _window.Token;

    /// <summary>Takes the lease when it is free, was given back, or ended longer ago than clocks may differ.</summary>
    /// <returns>Null when someone else has it.</returns>
    public static async Task<S3Lease?> TryTakeAsync(Request request, CancellationToken cancellationToken)
    {
        var begun = request.TimeProvider.GetTimestamp();
        var (condition, free) = await LookAsync(request, cancellationToken);
        if (!free)
        {
            return null;
        }

        var owner = Guid.NewGuid();
        var content = RecordOf(owner, request.TimeProvider.GetUtcNow() + request.Times.Duration, released: false).Write();
        var stored = await request.Bucket.PutAsync(request.Key, content, condition, cancellationToken);
        var left = request.Times.WritesFor - request.TimeProvider.GetElapsedTime(begun);
        if (stored is null || left <= TimeSpan.Zero)
        {
            return null;
        }

        var lease = new S3Lease(request, owner, stored, left);
        lease._renewals = lease.RenewAsync();
        return lease;
    }

    /// <summary>The exception of a write that must not happen.</summary>
    public RepositoryException Lost(string what) => new(
        RepositoryError.Unavailable,
        _taken
            ? $"{what}: another Data Mover has taken over the repository {_bucket.Description}; nothing is written here any more. Make sure that only one Data Mover serves it, and start this one again"
            : $"{what}: the lock of {_bucket.Description} could not be renewed for {_times.WritesFor.TotalSeconds:0} s, so another Data Mover may take it over; nothing is written until it is renewed");

    /// <summary>Gives the lease back, if it is still this process's.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await _stop.CancelAsync();
        await _renewals;
        if (IsValid)
        {
            await GiveBackAsync();
            _released(this);
        }

        _stop.Dispose();
    }

    private static async Task<(S3Condition Condition, bool Free)> LookAsync(Request request, CancellationToken cancellationToken)
    {
        var buffer = new byte[MaxLength];
        if (await request.Bucket.GetAsync(request.Key, 0, buffer, null, cancellationToken) is not { } found)
        {
            return (S3Condition.Absent, true);
        }

        var record = S3LeaseRecord.Read(buffer.AsSpan(0, found.Read))
            ?? throw new RepositoryException(
                RepositoryError.Damaged, $"{request.Bucket.Description}: the lock object {request.Key} cannot be read; when no Data Mover serves the repository, remove it");
        var free = record.Released || record.Expires + request.Times.ClockMargin < request.TimeProvider.GetUtcNow();
        return (S3Condition.Match(found.ETag), free);
    }

    private static S3LeaseRecord RecordOf(Guid owner, DateTimeOffset expires, bool released) =>
        new(owner, $"{Environment.MachineName}, process {Environment.ProcessId}", expires, released);

    private async Task RenewAsync()
    {
        var pause = _times.RenewEvery;
        while (!_taken)
        {
            await Task.Delay(pause, _timeProvider, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            pause = await TryRenewAsync() ? _times.RenewEvery : _times.RetryEvery;
        }
    }

    private async Task<bool> TryRenewAsync()
    {
        // No longer than a window in all: a request that hangs must not hide that the window has ended.
        using var limit = new CancellationTokenSource(_times.WritesFor, _timeProvider);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        try
        {
            var begun = _timeProvider.GetTimestamp();
            if (await WriteAsync(_timeProvider.GetUtcNow() + _times.Duration, released: false, linked.Token) is not { } stored)
            {
                _taken = true;
                await _window.CancelAsync();
                Log.TakenOver(_logger, _bucket.Description);
                return false;
            }

            await ReplaceAsync(stored, linked.Token);
            Extend(_times.WritesFor - _timeProvider.GetElapsedTime(begun));
            return true;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
        {
            Log.RenewalFailed(_logger, _bucket.Description, exception.Message);
            return false;
        }
    }

    private void Extend(TimeSpan left)
    {
        if (left <= TimeSpan.Zero)
        {
            return;
        }

        _window.CancelAfter(left);
        if (_window.IsCancellationRequested)
        {
            // Nobody else had it: the ETag was the one this process wrote.
            _window = new CancellationTokenSource(left, _timeProvider);
            Log.Regained(_logger, _bucket.Description);
        }
    }

    // Null when it is somebody else's. A renewal whose answer was lost is recognized by its owner.
    private async Task<S3Stored?> WriteAsync(DateTimeOffset expires, bool released, CancellationToken cancellationToken)
    {
        var content = RecordOf(_owner, expires, released).Write();
        if (await _bucket.PutAsync(_key, content, S3Condition.Match(_stored.ETag), cancellationToken) is { } stored)
        {
            return stored;
        }

        var buffer = new byte[MaxLength];
        var found = await _bucket.GetAsync(_key, 0, buffer, null, cancellationToken);
        var isOurs = found is not null && S3LeaseRecord.Read(buffer.AsSpan(0, found.Read))?.Owner == _owner;
        return isOurs ? await _bucket.PutAsync(_key, content, S3Condition.Match(found!.ETag), cancellationToken) : null;
    }

    // In a bucket with versions each renewal leaves the one before.
    private async Task ReplaceAsync(S3Stored stored, CancellationToken cancellationToken)
    {
        var before = _stored;
        _stored = stored;
        if (before.VersionId is not null && before.VersionId != stored.VersionId)
        {
            try
            {
                await _bucket.DeleteAsync(_key, before.VersionId, cancellationToken);
            }
            catch (RepositoryException exception)
            {
                Log.VersionLeft(_logger, _key, exception.Message);
            }
        }
    }

    private async Task GiveBackAsync()
    {
        try
        {
            if (await WriteAsync(_timeProvider.GetUtcNow(), released: true, WritesEnd) is { } stored)
            {
                await ReplaceAsync(stored, WritesEnd);
            }
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
        {
            Log.NotGivenBack(_logger, _bucket.Description, exception.Message);
        }
    }

    /// <summary>What taking a lease needs.</summary>
    internal sealed record Request(S3Bucket Bucket, string Key, TimeProvider TimeProvider, S3LeaseTimes Times, ILogger Logger, Action<S3Lease> Released);
}
