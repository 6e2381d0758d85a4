// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store;

/// <summary>Knows which commits are under way, so that a round of garbage collection can wait for those that began before it.</summary>
internal sealed class CommitGate
{
    private readonly Lock _gate = new();
    private readonly HashSet<TaskCompletionSource> _running = [];

    /// <summary>Notes a commit until the result is disposed.</summary>
    public IDisposable Enter()
    {
        var commit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _running.Add(commit);
        }

        return new Leave(this, commit);
    }

    /// <summary>Waits for the commits that are under way now; later ones do not matter.</summary>
    public Task WaitForRunningAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return Task.WhenAll(_running.Select(commit => commit.Task)).WaitAsync(cancellationToken);
        }
    }

    private sealed class Leave(CommitGate gate, TaskCompletionSource commit) : IDisposable
    {
        public void Dispose()
        {
            lock (gate._gate)
            {
                gate._running.Remove(commit);
            }

            commit.TrySetResult();
        }
    }
}
