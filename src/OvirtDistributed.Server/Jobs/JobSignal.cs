// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Wakes the runner, and those who watch a job, inside this process. The database stays the truth: a lost signal costs a pause, never a step.</summary>
internal sealed class JobSignal : IDisposable
{
    private readonly SemaphoreSlim _raised = new(0, 1);
    private readonly ConcurrentDictionary<Guid, byte> _woken = new();
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _changes = new();

    /// <summary>The job has something to do now.</summary>
    public void Wake(Guid jobId)
    {
        _woken[jobId] = 0;
        Release();
    }

    /// <summary>As <see cref="Wake"/>, for the runner's next round: does not end its present pause.</summary>
    public void Rewake(Guid jobId) => _woken[jobId] = 0;

    /// <summary>For the runner: the jobs woken since the last call.</summary>
    public IReadOnlyList<Guid> TakeWoken()
    {
        var woken = _woken.Keys.ToList();
        foreach (var job in woken)
        {
            _woken.TryRemove(job, out _);
        }

        return woken;
    }

    /// <summary>Something about the job that people look at has changed.</summary>
    public void Changed(Guid jobId)
    {
        if (_changes.TryRemove(jobId, out var waiting))
        {
            waiting.TrySetResult();
        }
    }

    /// <summary>Ends with the next change of the job. Take it before reading the job's state.</summary>
    public Task NextChange(Guid jobId) =>
        _changes.GetOrAdd(jobId, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Release()
    {
        try
        {
            _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // Raised already.
        }
    }

    public async Task WaitAsync(TimeSpan longest, TimeProvider time, CancellationToken cancellationToken)
    {
        // Not a timer of ours: one that fires while the wait ends would cancel a disposed source, and take the process with it.
        using var pause = new CancellationTokenSource(longest, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, pause.Token);
        try
        {
            await _raised.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The pause is over.
        }
    }

    public void Dispose() => _raised.Dispose();
}
