// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using MassTransit;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Agent;

/// <summary>
/// One worker: registers, takes offers, works, keeps its leases alive, obeys. Keeps no state that matters:
/// killed at any moment, its leases run out and other workers continue from what is durable.
/// </summary>
internal sealed partial class WorkerAgent
{
    private static readonly TimeSpan DefaultHeartbeat = TimeSpan.FromSeconds(10);

    // How long a shutdown waits for work to end and for outcomes to be delivered.
    private static readonly TimeSpan ShutdownLimit = TimeSpan.FromSeconds(25);

    private readonly WorkerIdentity _worker;
    private readonly IWorkerControl _server;
    private readonly TimeProvider _time;
    private readonly ILogger<WorkerAgent> _logger;
    private readonly ServerReachability _reachability = new();
    private readonly TaskRuns _runs;
    private readonly OfferIntake _intake;
    private readonly IReadOnlyCollection<string> _transportModes;
    private TimeSpan _heartbeat = DefaultHeartbeat;

    public WorkerAgent(
        WorkerOptions options, IWorkerControl server, IReceiveConnector bus, ITaskExecutor executor, TimeProvider time, ILoggerFactory loggers)
    {
        _worker = WorkerIdentity.From(options, ServiceDefaults.Version);
        _server = server;
        _time = time;
        _logger = loggers.CreateLogger<WorkerAgent>();
        _runs = new TaskRuns(options.Slots);
        _transportModes = executor.TransportModes;
        _intake = new OfferIntake(_worker, bus, server, _reachability, _runs, executor, time, loggers.CreateLogger<OfferIntake>());
    }

    /// <summary>True while the server answers.</summary>
    public bool IsConnected => _reachability.IsReachable;

    public string Name => _worker.Name;

    /// <summary>Runs until the token is cancelled. On return nothing runs any more, and outcomes were delivered as far as the server answered in time.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var abandon = new CancellationTokenSource(Timeout.InfiniteTimeSpan, _time);
        using var stopHeartbeat = new CancellationTokenSource();
        var intake = Task.CompletedTask;
        var heartbeat = Task.CompletedTask;
        try
        {
            await RegisterAsync(cancellationToken);

            // Heartbeats go on while the work winds down: its leases must hold until the outcome is delivered.
            heartbeat = HeartbeatAsync(stopHeartbeat.Token);
            intake = _intake.RunAsync(abandon.Token, cancellationToken);
            await Task.WhenAny(intake, heartbeat);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped before the server had answered.
        }
        finally
        {
            abandon.CancelAfter(ShutdownLimit);
            await intake.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _runs.StopAll(StopReason.WorkerStopping);
            await _runs.DrainAsync();
            await stopHeartbeat.CancelAsync();
            await heartbeat.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            Log.WorkerStopped(_logger, _worker.Name);
        }

        // A loop that ended by itself is a fault of ours: it must not look like a regular stop.
        await Task.WhenAll(intake, heartbeat);
    }

    private async Task RegisterAsync(CancellationToken cancellationToken)
    {
        var backOff = new BackOff(_time);
        while (true)
        {
            try
            {
                var request = new RegisterRequest
                {
                    WorkerId = _worker.Id.ToString("D"),
                    Name = _worker.Name,
                    ClusterId = _worker.ClusterId.ToString("D"),
                    Version = _worker.Version,
                    Slots = _worker.Slots,
                    SystemUuid = _worker.SystemUuid,
                };
                request.TransportModes.AddRange(_transportModes);
                request.ExportDomains.AddRange(_worker.ExportDomains);
                var settings = await _server.RegisterAsync(request, cancellationToken);
                var interval = settings.HeartbeatInterval?.ToTimeSpan() ?? TimeSpan.Zero;
                _heartbeat = interval > TimeSpan.Zero ? interval : DefaultHeartbeat;
                _reachability.Answered();
                Log.WorkerRegistered(_logger, _worker.Name, _worker.Id, _worker.ClusterId, _worker.Slots);
                return;
            }
            catch (WorkerControlException failure)
            {
                // Also when refused: the operator may be about to admit this worker.
                _reachability.Lost();
                Log.WorkerNotRegistered(_logger, _worker.Name, failure.Message);
            }

            await backOff.WaitAsync(cancellationToken);
        }
    }

    private async Task HeartbeatAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_heartbeat, _time, cancellationToken);
                await BeatAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The regular end.
        }
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        var runs = _runs.List();
        var request = new HeartbeatRequest { WorkerId = _worker.Id.ToString("D"), FreeSlots = _runs.Free };
        request.Tasks.AddRange(runs.Select(run => run.TakeProgress()));
        var sent = _time.GetTimestamp();
        HeartbeatResponse response;
        try
        {
            response = await _server.HeartbeatAsync(request, cancellationToken);
        }
        catch (WorkerControlException failure)
        {
            if (_reachability.IsReachable)
            {
                Log.ServerLost(_logger, failure.Message);
            }

            _reachability.Lost();
            return;
        }

        if (!_reachability.IsReachable)
        {
            Log.ServerBack(_logger);
        }

        _reachability.Answered();
        foreach (var run in runs)
        {
            // Absent from the answer: the attempt is not this worker's any more.
            var directive = response.Tasks.FirstOrDefault(task => task.TaskId == run.TaskId && task.Attempt == run.Attempt);
            run.Obey(directive ?? new TaskDirective { LeaseDuration = new Duration() }, sent);
        }

        if (response.RegisterAgain)
        {
            await RegisterAsync(cancellationToken);
        }
    }
}
