// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace OvirtDistributed.Simulator.Api;

/// <summary>Bearer tokens and persistent sessions. Both end when idle for too long.</summary>
internal sealed class SessionStore(SimulatorOptions options)
{
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    private DateTimeOffset Now => options.TimeProvider.GetUtcNow();

    /// <summary>Users are known by name and password.</summary>
    public bool Authenticates(string user, string password) =>
        (user == options.User && password == options.Password)
        || options.MoreUsers.Any(u => u.Key == user && u.Value == password);

    /// <summary>A new token or session id, with its own idle limit or the default one.</summary>
    public string Create(string user, TimeSpan? idleLimit)
    {
        var key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(48)).Replace('+', '-').Replace('/', '_');
        _sessions[key] = new Session(user, idleLimit ?? options.SessionTimeout) { LastUse = Now };
        return key;
    }

    /// <summary>The user of a live token or session; using it keeps it alive.</summary>
    public string? Use(string key)
    {
        if (!_sessions.TryGetValue(key, out var session))
        {
            return null;
        }

        if (Now - session.LastUse > session.IdleLimit)
        {
            _sessions.TryRemove(key, out _);
            return null;
        }

        session.LastUse = Now;
        return session.User;
    }

    public void Remove(string key) => _sessions.TryRemove(key, out _);

    /// <summary>Ends all sessions: clients must log in again (401).</summary>
    public void RemoveAll() => _sessions.Clear();

    private sealed record Session(string User, TimeSpan IdleLimit)
    {
        public DateTimeOffset LastUse { get; set; }
    }
}
