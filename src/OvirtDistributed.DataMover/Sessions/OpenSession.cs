// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.Hosting.Errors;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>A session as its callers know it: an id, who it is for, and the store's session behind it.</summary>
internal abstract class OpenSession : IAsyncDisposable
{
    private readonly Activity? _span;
    private int _end = -1;

    protected OpenSession(Guid id, HostedRepository repository, string taskId, long fencingToken, Activity? span)
    {
        Id = id.ToString("N");
        Repository = repository;
        TaskId = taskId;
        FencingToken = fencingToken;
        _span = span;
    }

    public string Id { get; }

    public HostedRepository Repository { get; }

    /// <summary>Empty for a reader without a task.</summary>
    public string TaskId { get; }

    public long FencingToken { get; }

    /// <summary>Cancelled when the store's session has ended, whatever ended it.</summary>
    public abstract CancellationToken Ended { get; }

    /// <summary>Why it ended; meaningful once <see cref="Ended"/> is cancelled.</summary>
    public SessionEnd End => _end < 0 ? SessionEnd.ByRepository : (SessionEnd)_end;

    /// <summary>States why the session is about to be ended. The first reason stays.</summary>
    public void Doom(SessionEnd end) => Interlocked.CompareExchange(ref _end, (int)end, -1);

    /// <summary>Takes back a <see cref="Doom"/> whose cause did not come to pass.</summary>
    public void Spare(SessionEnd end) => Interlocked.CompareExchange(ref _end, -1, (int)end);

    /// <summary>What a call on the ended session is told.</summary>
    public OperatorException Failure() => Failure(Id, TaskId, End);

    public static OperatorException Failure(string id, string taskId, SessionEnd end) => end switch
    {
        SessionEnd.Fenced => new OperatorException(
            FailureKind.WrongState, $"Session {id} was ended by a higher fencing token of task {taskId}: this attempt has lost its lease and must stop.")
        { Reason = FailureReasons.Fenced },
        SessionEnd.Aborted => new OperatorException(
            FailureKind.WrongState, $"Session {id} was ended because its job was aborted: this attempt must stop.")
        { Reason = FailureReasons.Fenced },
        SessionEnd.Closed => new OperatorException(
            FailureKind.WrongState, $"Session {id} was closed by its worker.")
        { Reason = FailureReasons.SessionEnded },
        _ => Unknown(id),
    };

    public static OperatorException Unknown(string id) => new(
        FailureKind.WrongState, $"Session '{id}' is not open: it had no call for longer than its idle time-out, its job was committed, or the Data Mover was restarted. Open a new one; what was durable is kept.")
    {
        Reason = FailureReasons.SessionEnded,
    };

    /// <summary>Ends the store's session; its writers are out on return.</summary>
    public abstract ValueTask DisposeAsync();

    /// <summary>Ends the session's span. Called once, when <see cref="Ended"/> fires.</summary>
    public void EndSpan()
    {
        _span?.SetTag("ovd.session.end", End.ToString());
        _span?.Dispose();
    }
}
