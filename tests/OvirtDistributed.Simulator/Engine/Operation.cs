// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>Background work of one command: its steps wait at the engine's pace, and stand still while a fault holds their entity.</summary>
internal sealed class Operation(EngineContext engine, CommandScope scope, EngineJob job)
{
    private readonly List<Task> _held = [.. Holding(scope)];
    private int _step;

    public EngineContext Engine => engine;

    public CommandScope Scope => scope;

    public EngineJob Job => job;

    public string CorrelationId => scope.CorrelationId;

    /// <summary>Waits for the next step of the polling callback.</summary>
    public async Task StepAsync()
    {
        await Task.Delay(engine.Options.Pace.Step(_step++), engine.Time, engine.Stopping);
        await HoldAsync();
    }

    /// <summary>Makes later steps wait for the faults that struck another request for the same entity (a finalize, for example).</summary>
    public void Hold(CommandScope other)
    {
        lock (_held)
        {
            _held.AddRange(Holding(other));
        }
    }

    /// <summary>Waits until no fault holds the entity.</summary>
    public async Task HoldAsync()
    {
        while (true)
        {
            Task[] waiting;
            lock (_held)
            {
                _held.RemoveAll(t => t.IsCompleted);
                waiting = [.. _held];
            }

            if (waiting.Length == 0)
            {
                return;
            }

            await Task.WhenAll(waiting).WaitAsync(engine.Stopping);
        }
    }

    /// <summary>Changes state with the gate held.</summary>
    public async Task ApplyAsync(Action change)
    {
        await engine.State.Gate.WaitAsync(engine.Stopping);
        try
        {
            change();
            engine.Saver?.Changed();
        }
        finally
        {
            engine.State.Gate.Release();
        }
    }

    /// <summary>Reads state with the gate held.</summary>
    public async Task<T> ReadAsync<T>(Func<T> read)
    {
        await engine.State.Gate.WaitAsync(engine.Stopping);
        try
        {
            return read();
        }
        finally
        {
            engine.State.Gate.Release();
        }
    }

    public void Event(int code, string severity, string description, EventSubject subject) =>
        engine.Event(code, severity, description, subject, scope.CorrelationId);

    internal async Task RunAsync(Func<Operation, Task> work, Action<Operation, Exception> failed)
    {
        try
        {
            await work(this);
            await ApplyAsync(() => End("finished"));
        }
        catch (OperationCanceledException) when (engine.Stopping.IsCancellationRequested)
        {
            // The simulator is being stopped; nobody looks at the job any more.
        }
        catch (Exception e)
        {
            // The edge of background work: every error becomes the entity's and the job's failure.
            await FailAsync(failed, e);
        }
    }

    private async Task FailAsync(Action<Operation, Exception> failed, Exception error)
    {
        try
        {
            await ApplyAsync(() =>
            {
                failed(this, error);
                End("failed");
            });
        }
        catch (OperationCanceledException) when (engine.Stopping.IsCancellationRequested)
        {
            // As above.
        }
    }

    private static IEnumerable<Task> Holding(CommandScope scope) => scope.Sticking.Where(f => f.Rule.StickPhase).Select(f => f.Released);

    private void End(string status)
    {
        job.Status = status;
        job.EndTime = engine.Now;
    }
}
