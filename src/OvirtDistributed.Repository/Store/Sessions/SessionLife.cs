// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Sessions;

/// <summary>Whether a session may still be used, and since when it was not.</summary>
internal sealed class SessionLife : IDisposable
{
    private readonly TimeProvider _timeProvider;
    private readonly string _name;
    private readonly CancellationTokenSource _ended = new();
    private long _lastUse;
    private RepositoryException? _reason;

    public SessionLife(TimeProvider timeProvider, string name)
    {
        _timeProvider = timeProvider;
        _name = name;
        Ended = _ended.Token;
        Touch();
    }

    public CancellationToken Ended { get; }

    public TimeSpan Idle => _timeProvider.GetElapsedTime(Volatile.Read(ref _lastUse));

    public RepositoryException? Reason => Volatile.Read(ref _reason);

    public void Touch() => Volatile.Write(ref _lastUse, _timeProvider.GetTimestamp());

    /// <summary>Notes a use.</summary>
    /// <exception cref="RepositoryException">The session has ended; says why.</exception>
    public void Use()
    {
        if (Reason is { } reason)
        {
            throw new RepositoryException(reason.Error, reason.Message, reason);
        }

        Touch();
    }

    /// <summary>Ends the session; false when it had ended before.</summary>
    public bool TryEnd(RepositoryError error, string why)
    {
        var reason = new RepositoryException(error, $"{_name}: {why}");
        return Interlocked.CompareExchange(ref _reason, reason, null) is null;
    }

    /// <summary>Tells whoever waits for <see cref="Ended"/>.</summary>
    public Task SignalAsync() => _ended.CancelAsync();

    public void Dispose() => _ended.Dispose();
}
