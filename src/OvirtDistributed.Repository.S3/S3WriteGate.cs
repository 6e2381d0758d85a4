// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.S3;

/// <summary>Every write passes here: while a lease is held it must be valid, and a request that is under way when it ends is broken off.</summary>
internal sealed class S3WriteGate
{
    private volatile S3Lease? _lease;

    /// <summary>Whether a lease is held and valid.</summary>
    public bool IsLocked => _lease is { IsValid: true };

    public void Guard(S3Lease lease) => _lease = lease;

    /// <summary>What was begun under a lease that somebody else took must not go on under a new one: that takes a new instance.</summary>
    public void ThrowIfTaken(string what)
    {
        if (_lease is { IsTaken: true } lease)
        {
            throw lease.Lost(what);
        }
    }

    /// <summary>The lease was given back; one that was lost keeps the gate closed.</summary>
    public void Release(S3Lease lease)
    {
        if (_lease == lease && lease.IsValid)
        {
            _lease = null;
        }
    }

    /// <summary>Runs a write.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Unavailable"/>: the lease is not valid any more.</exception>
    public async Task<T> RunAsync<T>(string what, Func<CancellationToken, Task<T>> write, CancellationToken cancellationToken)
    {
        if (_lease is not { } lease)
        {
            return await write(cancellationToken);
        }

        var end = lease.WritesEnd;
        if (end.IsCancellationRequested)
        {
            throw lease.Lost(what);
        }

        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, end);
        try
        {
            return await write(linked.Token);
        }
        catch (Exception exception) when (end.IsCancellationRequested && !cancellationToken.IsCancellationRequested && exception is OperationCanceledException or RepositoryException)
        {
            throw lease.Lost(what);
        }
    }

    public Task RunAsync(string what, Func<CancellationToken, Task> write, CancellationToken cancellationToken) => RunAsync(
        what,
        async token =>
        {
            await write(token);
            return true;
        },
        cancellationToken);
}
