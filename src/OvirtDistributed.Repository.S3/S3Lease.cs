// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// The lock of a repository on S3: an object with owner and end, renewed while this process lives. When renewals fail the owner stops writing, long before
/// anybody else may begin; when one succeeds again nobody else has had the lease meanwhile, and writing goes on. When somebody has, it is over for good.
/// </summary>
internal sealed partial class S3Lease : IAsyncDisposable
{
    private readonly Request _request;
    private readonly IS3LeaseObject _object;
    private readonly Guid _owner;
    private readonly CancellationTokenSource _stop = new();
    private volatile CancellationTokenSource _window;
    private volatile bool _taken;
    private Task _renewals = Task.CompletedTask;
    private int _disposed;

    private S3Lease(Request request, IS3LeaseObject lease, Guid owner, TimeSpan left)
    {
        _request = request;
        _object = lease;
        _owner = owner;
        _window = new CancellationTokenSource(left, request.TimeProvider);
    }

    private TimeProvider Time => _request.TimeProvider;

    private S3LeaseTimes Times => _request.Times;

    /// <summary>Whether this process may write.</summary>
    public bool IsValid => !_taken && !_window.IsCancellationRequested;

    /// <summary>Whether somebody else has had it: it never becomes valid again.</summary>
    public bool IsTaken => _taken;

    /// <summary>Ends when this process must not write any more.</summary>
    public CancellationToken WritesEnd => _window.Token;

    /// <summary>Takes the lease when it is free, was given back, or ended longer ago than clocks may differ.</summary>
    /// <returns>Null when someone else has it.</returns>
    public static async Task<S3Lease?> TryTakeAsync(Request request, CancellationToken cancellationToken)
    {
        IS3LeaseObject lease = request.Bucket.Conditions == S3Conditions.ByVersions
            ? new S3VersionedLease(request.Bucket, request.Key)
            : new S3ConditionalLease(request.Bucket, request.Key);
        var owner = Guid.NewGuid();
        var begun = request.TimeProvider.GetTimestamp();
        var mine = request.Record(owner, released: false);
        if (!await lease.TryTakeAsync(mine, request.IsFree, cancellationToken))
        {
            return null;
        }

        var left = request.Times.WritesFor - request.TimeProvider.GetElapsedTime(begun);
        if (left <= TimeSpan.Zero)
        {
            return null; // so slow that it is nearly over: it ends by itself
        }

        var taken = new S3Lease(request, lease, owner, left);
        taken._renewals = taken.RenewAsync();
        return taken;
    }

    /// <summary>The exception of a write that must not happen.</summary>
    public RepositoryException Lost(string what) => new(
        RepositoryError.Unavailable,
        _taken
            ? $"{what}: another Data Mover has taken over the repository {_request.Bucket.Description}; nothing is written here any more. Make sure that only one Data Mover serves it, and start this one again"
            : $"{what}: the lock of {_request.Bucket.Description} could not be renewed for {Times.WritesFor.TotalSeconds:0} s, so another Data Mover may take it over; nothing is written until it is renewed");

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
            _request.Released(this);
        }

        _stop.Dispose();
    }

    private async Task RenewAsync()
    {
        var pause = Times.RenewEvery;
        while (!_taken)
        {
            await Task.Delay(pause, Time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            pause = await TryRenewAsync() ? Times.RenewEvery : Times.RetryEvery;
        }
    }

    private async Task<bool> TryRenewAsync()
    {
        // No longer than a window in all: a request that hangs must not hide that the window has ended.
        using var limit = new CancellationTokenSource(Times.WritesFor, Time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
        try
        {
            var begun = Time.GetTimestamp();
            if (await _object.TryRenewAsync(_request.Record(_owner, released: false), _request.IsFree, linked.Token))
            {
                Extend(Times.WritesFor - Time.GetElapsedTime(begun));
                return true;
            }

            _taken = true;
            await _window.CancelAsync();
            Log.TakenOver(_request.Logger, _request.Bucket.Description);
            return false;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return false;
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
        {
            Log.RenewalFailed(_request.Logger, _request.Bucket.Description, exception.Message);
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
            // Nobody else has had it, or the renewal would have failed.
            _window = new CancellationTokenSource(left, Time);
            Log.Regained(_request.Logger, _request.Bucket.Description);
        }
    }

    private async Task GiveBackAsync()
    {
        try
        {
            await _object.TryRenewAsync(_request.Record(_owner, released: true), _request.IsFree, WritesEnd);
        }
        catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
        {
            Log.NotGivenBack(_request.Logger, _request.Bucket.Description, exception.Message);
        }
    }

    /// <summary>What taking a lease needs.</summary>
    internal sealed record Request(S3Bucket Bucket, string Key, TimeProvider TimeProvider, S3LeaseTimes Times, ILogger Logger, Action<S3Lease> Released)
    {
        public S3LeaseRecord Record(Guid owner, bool released) => new(
            owner, $"{Environment.MachineName}, process {Environment.ProcessId}", TimeProvider.GetUtcNow() + Times.Duration, released);

        /// <summary>Given back, or over for longer than clocks may differ.</summary>
        public bool IsFree(S3LeaseRecord other) => other.Released || other.Expires + Times.ClockMargin < TimeProvider.GetUtcNow();
    }
}
