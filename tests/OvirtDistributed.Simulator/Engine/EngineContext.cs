// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Simulator.Engine.Devices;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Simulator.ImageIo;
using OvirtDistributed.Simulator.Persistence;
using OvirtDistributed.Simulator.Storage;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>What every command of the engine works with.</summary>
internal sealed class EngineContext : IAsyncDisposable
{
    private readonly CancellationTokenSource _stopping = new();
    private readonly HashSet<Task> _running = [];
    private readonly Lock _runningGate = new();
    private long _lastEvent;
    private long _lastMac;

    public EngineContext(SimulatorOptions options, IDiskStorage storage)
    {
        Options = options;
        Level = new EngineLevel(options.EngineVersion);
        Storage = storage;
        Logger = options.Loggers.CreateLogger<EngineContext>();
        Devices = new GuestDevices(this);
    }

    public ILogger Logger { get; }

    public SimulatorOptions Options { get; }

    /// <summary>What an engine of this version knows.</summary>
    public EngineLevel Level { get; }

    public EngineState State { get; } = new();

    public FaultSet Faults { get; } = new();

    public IDiskStorage Storage { get; }

    /// <summary>The disks of VMs that this machine sees from inside.</summary>
    public GuestDevices Devices { get; }

    /// <summary>The daemon of each host.</summary>
    public Dictionary<Guid, IImageIoDaemon> Daemons { get; } = [];

    /// <summary>The daemon on the manager that passes requests on to the hosts.</summary>
    public IImageIoDaemon? Proxy { get; set; }

    /// <summary>Keeps the state in the data directory; null when there is none to keep.</summary>
    public StateSaver? Saver { get; set; }

    public TimeProvider Time => Options.TimeProvider;

    public DateTimeOffset Now => Time.GetUtcNow();

    public CancellationToken Stopping => _stopping.Token;

    /// <summary>New events are numbered after those that are there.</summary>
    public void ContinueEvents() => _lastEvent = State.Events.Count == 0 ? 0 : State.Events[^1].Index;

    /// <summary>Adds an event. Call with the gate held.</summary>
    public EngineEvent Event(int code, string severity, string description, EventSubject subject, string? correlationId)
    {
        var added = new EngineEvent
        {
            Index = ++_lastEvent,
            Code = code,
            Severity = severity,
            Description = description,
            Time = Now,
            CorrelationId = correlationId,
            Subject = subject,
        };
        State.Events.Add(added);
        return added;
    }

    /// <summary>Adds an event a client posted. Call with the gate held.</summary>
    public EngineEvent Event(Func<long, EngineEvent> make)
    {
        var added = make(++_lastEvent);
        State.Events.Add(added);
        return added;
    }

    /// <summary>A MAC address no NIC has. Call with the gate held.</summary>
    public string NewMac()
    {
        var pool = State.MacPools.Values.First(p => p.IsDefault);
        var used = State.Vms.Values.SelectMany(v => v.Nics).Select(n => n.Mac).ToHashSet(StringComparer.OrdinalIgnoreCase);
        for (var tries = pool.First; tries <= pool.Last; tries++)
        {
            var candidate = MacAddress.Format(pool.First + (_lastMac++ % (pool.Last - pool.First + 1)));
            if (!used.Contains(candidate))
            {
                return candidate;
            }
        }

        throw Api.ApiFault.Conflict("Cannot add Network Interface: There are no available MAC addresses in the pool.");
    }

    /// <summary>
    /// Starts background work as a job. Call with the gate held; the work starts once the caller lets go of it.
    /// An error of the work is turned into the job's failure by <paramref name="failed"/>, which runs with the gate held.
    /// </summary>
    public EngineJob Start(
        CommandScope scope, string description, Func<Operation, Task> work, Action<Operation, Exception> failed)
    {
        var job = AddJob(scope, description);
        var operation = new Operation(this, scope, job);
        lock (_runningGate)
        {
            var task = Task.Run(() => operation.RunAsync(work, failed), CancellationToken.None);
            job.Completion = task;
            _running.Add(task);
            _running.RemoveWhere(t => t.IsCompleted);
        }

        return job;
    }

    /// <summary>A job for a command that is over when its request is answered. Call with the gate held.</summary>
    public EngineJob Done(CommandScope scope, string description)
    {
        var job = AddJob(scope, description);
        job.Status = "finished";
        job.EndTime = job.StartTime;
        return job;
    }

    public async ValueTask DisposeAsync()
    {
        if (Saver is not null)
        {
            await Saver.DisposeAsync();
        }

        await _stopping.CancelAsync();
        Faults.Clear();
        Task[] running;
        lock (_runningGate)
        {
            running = [.. _running];
        }

        try
        {
            // A task that ends with an error here is a bug of the simulator: it surfaces, after the rest has been stopped.
            await Task.WhenAll(running);
        }
        finally
        {
            await StopPartsAsync();
        }
    }

    private async Task StopPartsAsync()
    {
        foreach (var daemon in Daemons.Values.Append(Proxy).OfType<IImageIoDaemon>())
        {
            await daemon.DisposeAsync();
        }

        foreach (var transfer in State.Transfers.Values.Where(t => t.Export is not null))
        {
            await transfer.Export!.DisposeAsync();
        }

        await Devices.DisposeAsync();
        await Storage.DisposeAsync();
        _stopping.Dispose();
        State.Dispose();
    }

    private EngineJob AddJob(CommandScope scope, string description)
    {
        var job = new EngineJob
        {
            Id = Guid.NewGuid(),
            Description = description,
            CorrelationId = scope.CorrelationId,
            StartTime = Now,
        };
        State.Jobs.Add(job.Id, job);
        return job;
    }
}

/// <summary>What a request hands to the commands it causes.</summary>
internal sealed record CommandScope(string CorrelationId, IReadOnlyList<ArmedFault> Sticking)
{
    /// <summary>A fault lets the merge fail that the request leads to.</summary>
    public bool FailsMerge => Sticking.Any(f => f.Rule.FailMerge);

    /// <summary>For work the engine starts by itself.</summary>
    public static CommandScope Internal() => new(Guid.NewGuid().ToString(), []);
}
