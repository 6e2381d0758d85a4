// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

/// <summary>The slots of a worker and what runs in them. Thread-safe. Every run started here is awaited by <see cref="DrainAsync"/>.</summary>
internal sealed class TaskRuns(int slots)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TaskRun, Task> _running = [];
    private int _taken;

    public int Free
    {
        get
        {
            lock (_lock)
            {
                return slots - _taken;
            }
        }
    }

    /// <summary>Takes a slot for an offer whose lease is being asked for. Followed by <see cref="Start"/> or <see cref="Release"/>.</summary>
    public bool TryReserve()
    {
        lock (_lock)
        {
            if (_taken >= slots)
            {
                return false;
            }

            _taken++;
            return true;
        }
    }

    public void Release()
    {
        lock (_lock)
        {
            _taken--;
        }
    }

    /// <summary>Starts a run in the reserved slot.</summary>
    /// <param name="run">Owned from here on.</param>
    /// <param name="ended">Called when the slot is free again.</param>
    /// <param name="abandon">Ends the delivery of the outcome.</param>
    public void Start(TaskRun run, Action ended, CancellationToken abandon)
    {
        lock (_lock)
        {
            _running.Add(run, RunAsync(run, ended, abandon));
        }
    }

    public bool IsRunning(string taskId, int attempt)
    {
        lock (_lock)
        {
            return _running.Keys.Any(run => run.TaskId == taskId && run.Attempt == attempt);
        }
    }

    public IReadOnlyList<TaskRun> List()
    {
        lock (_lock)
        {
            return [.. _running.Keys];
        }
    }

    public void StopAll(StopReason reason)
    {
        foreach (var run in List())
        {
            run.Stop(reason);
        }
    }

    /// <summary>Waits until nothing runs.</summary>
    public async Task DrainAsync()
    {
        while (true)
        {
            Task[] all;
            lock (_lock)
            {
                all = [.. _running.Values];
            }

            if (all.Length == 0)
            {
                return;
            }

            await Task.WhenAll(all);
        }
    }

    private async Task RunAsync(TaskRun run, Action ended, CancellationToken abandon)
    {
        // The caller holds the lock and must not run the work.
        await Task.Yield();
        await run.RunAsync(abandon);
        lock (_lock)
        {
            _running.Remove(run);
            _taken--;
        }

        run.Dispose();
        ended();
    }
}
