// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>All open sessions of this process, and for a while why those that are gone have ended.</summary>
internal sealed partial class SessionTable
{
    /// <summary>Ended sessions remembered for the answer to a late call; an older one is answered as unknown.</summary>
    private const int RememberedEnds = 1024;

    private readonly ConcurrentDictionary<string, OpenSession> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string TaskId, SessionEnd End)> _ended = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _endOrder = new();
    private readonly int _limit;
    private readonly MoverInstruments _instruments;
    private readonly ILogger<SessionTable> _logger;
    private int _reserved;

    public SessionTable(DataMoverOptions options, MoverInstruments instruments, ILogger<SessionTable> logger)
    {
        _limit = options.Limits.MaxSessions;
        _instruments = instruments;
        _logger = logger;
        instruments.Meter.CreateObservableUpDownCounter(
            "ovd.mover.sessions", CountByRepository, "{session}", "Open sessions, reading and writing.");
    }

    public IEnumerable<OpenSession> All => _sessions.Values;

    /// <summary>Opens a session within the limit.</summary>
    /// <exception cref="OperatorException">There are as many sessions as allowed.</exception>
    public async Task<T> OpenAsync<T>(Func<Task<T>> open)
        where T : OpenSession
    {
        if (Interlocked.Increment(ref _reserved) > _limit)
        {
            Interlocked.Decrement(ref _reserved);
            _instruments.Refused("sessions");
            throw new OperatorException(
                FailureKind.Exhausted, $"The Data Mover has {_limit} sessions open, as many as DataMover:Limits:MaxSessions allows: try again later, or raise it.")
            { Reason = FailureReasons.Busy };
        }

        T session;
        try
        {
            session = await open();
        }
        catch
        {
            Interlocked.Decrement(ref _reserved);
            throw;
        }

        _sessions[session.Id] = session;
        Log.SessionOpened(_logger, session.Id, session.Repository.Name, session.TaskId, session.FencingToken);
        _ = session.Ended.Register(Forget, session); // runs at once when it has ended already
        return session;
    }

    /// <summary>The session of this id and kind.</summary>
    /// <exception cref="OperatorException">It is not open (any more); the message and reason say why.</exception>
    public T Require<T>(string id)
        where T : OpenSession
    {
        if (_sessions.TryGetValue(id, out var session) && session is T wanted)
        {
            return wanted;
        }

        throw _ended.TryGetValue(id, out var gone) ? OpenSession.Failure(id, gone.TaskId, gone.End) : OpenSession.Unknown(id);
    }

    public bool TryFind<T>(string id, [NotNullWhen(true)] out T? session)
        where T : OpenSession
    {
        session = _sessions.TryGetValue(id, out var found) ? found as T : null;
        return session is not null;
    }

    /// <summary>Sessions of a task in a repository with a token below <paramref name="token"/>, told why they are about to end.</summary>
    public List<OpenSession> DoomBelow(HostedRepository repository, string taskId, long token, SessionEnd end)
    {
        var doomed = _sessions.Values
            .Where(session => session.Repository == repository && session.TaskId == taskId && taskId.Length > 0 && session.FencingToken < token)
            .ToList();
        doomed.ForEach(session => session.Doom(end));
        return doomed;
    }

    private void Forget(object? state)
    {
        var session = (OpenSession)state!;
        if (!_sessions.TryRemove(session.Id, out _))
        {
            return;
        }

        Interlocked.Decrement(ref _reserved);
        _ended[session.Id] = (session.TaskId, session.End);
        _endOrder.Enqueue(session.Id);
        while (_endOrder.Count > RememberedEnds && _endOrder.TryDequeue(out var oldest))
        {
            _ended.TryRemove(oldest, out _);
        }

        session.EndSpan();
        Log.SessionEnded(_logger, session.Id, session.Repository.Name, session.TaskId, session.End);
    }

    private IEnumerable<Measurement<int>> CountByRepository() => _sessions.Values
        .GroupBy(session => (session.Repository.Name, Kind: session is OpenWriteSession ? "write" : "read"))
        .Select(group => new Measurement<int>(
            group.Count(), MoverInstruments.Tag(group.Key.Name), new KeyValuePair<string, object?>("kind", group.Key.Kind)));
}
