// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Repository;

namespace OvirtDistributed.DataMover.Sessions;

/// <summary>The token of one call in a session: ends with the caller, with the session, and with the process.</summary>
internal sealed class CallScope : IDisposable
{
    private readonly OpenSession _session;
    private readonly CancellationToken _caller;
    private readonly CancellationTokenSource _linked;

    public CallScope(OpenSession session, Draining draining, CancellationToken caller)
    {
        _session = session;
        _caller = caller;
        _linked = CancellationTokenSource.CreateLinkedTokenSource(caller, session.Ended, draining.Token);
    }

    public CancellationToken Token => _linked.Token;

    /// <summary>True when the session or the process ended while the caller is still there.</summary>
    public bool EndedUnderCaller => _linked.IsCancellationRequested && !_caller.IsCancellationRequested;

    /// <summary>True for what an ended session or cancelled read throws: the caller is told why it ended, not how that showed.</summary>
    public bool Explains(Exception failure) =>
        failure is OperationCanceledException or RpcException or RepositoryException { Error: RepositoryError.SessionEnded or RepositoryError.Fenced };

    /// <summary>What to tell the caller then.</summary>
    public Exception Failure() => _session.Ended.IsCancellationRequested ? _session.Failure() : Draining.Failure();

    public void Dispose() => _linked.Dispose();
}
