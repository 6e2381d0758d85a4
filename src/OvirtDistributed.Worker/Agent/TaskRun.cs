// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Telemetry;

namespace OvirtDistributed.Worker.Agent;

/// <summary>One leased attempt, from the order to the reported outcome.</summary>
internal sealed partial class TaskRun : IDisposable
{
    // The engine may need minutes for a transfer; with heartbeats answered the lease alone would let this go on for ever.
    private static readonly TimeSpan PrepareLimit = TimeSpan.FromMinutes(30);

    private readonly WorkerIdentity _worker;
    private readonly IWorkerControl _server;
    private readonly ITaskExecutor _executor;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lease _lease;
    private readonly CancellationTokenSource _stop = new();
    private readonly TransferControl _control;
    private readonly string _traceParent;
    private readonly CancellationTokenRegistration _onLeaseEnd;
    private int _reason;
    private long _sequence;
    private bool _endedInTime;

    public TaskRun(TaskRunStart start, WorkerIdentity worker, IWorkerControl server, ITaskExecutor executor, TimeProvider time, ILogger logger)
    {
        (TaskId, Attempt, JobId, FencingToken) = (start.TaskId, start.Attempt, start.Granted.JobId, start.Granted.FencingToken);
        _traceParent = start.Granted.TraceParent;
        _worker = worker;
        _server = server;
        _executor = executor;
        _time = time;
        _logger = logger;
        _control = new TransferControl(time);
        _lease = new Lease(time, start.SentTimestamp, start.Granted.LeaseDuration.ToTimeSpan());
        _onLeaseEnd = _lease.Ended.Register(() => Stop(StopReason.LeaseExpired));
    }

    public string TaskId { get; }

    public int Attempt { get; }

    public string JobId { get; }

    public long FencingToken { get; }

    public StopReason Reason => (StopReason)Volatile.Read(ref _reason);

    /// <summary>What the next heartbeat says about this run. Each call has a higher sequence.</summary>
    public TaskProgress TakeProgress() => new()
    {
        TaskId = TaskId,
        Attempt = Attempt,
        FencingToken = FencingToken,
        Sequence = Interlocked.Increment(ref _sequence),
        Statistics = _control.Meter.ToStatistics(),
    };

    /// <summary>Obeys what a heartbeat's answer says about this run.</summary>
    public void Obey(TaskDirective directive, long sentTimestamp)
    {
        var lease = directive.LeaseDuration?.ToTimeSpan() ?? TimeSpan.Zero;
        if (lease <= TimeSpan.Zero)
        {
            Stop(StopReason.LeaseLost);
            return;
        }

        _lease.Extend(sentTimestamp, lease);
        _control.Throttle(directive.BytesPerSecond);
        if (directive.Cancel)
        {
            Stop(StopReason.Cancelled);
        }
    }

    /// <summary>Makes the work end as soon as it can. The first reason counts.</summary>
    public void Stop(StopReason reason)
    {
        if (Interlocked.CompareExchange(ref _reason, (int)reason, (int)StopReason.None) == (int)StopReason.None)
        {
            Log.TaskToldToStop(_logger, TaskId, Attempt, reason);
            _stop.Cancel();
        }
    }

    /// <summary>Does the work and reports how it ended. Never throws; ends when the outcome was delivered or nobody waits for it any more.</summary>
    /// <param name="abandon">Ends the attempts to deliver the outcome: the process must go.</param>
    public async Task RunAsync(CancellationToken abandon)
    {
        using var activity = WorkerDiagnostics.StartAttempt(_traceParent, TaskId, Attempt);
        WorkerInstruments.AttemptStarted(_worker.Name);
        var started = _time.GetUtcNow();
        var since = _time.GetTimestamp();
        var report = new ReportOutcomeRequest
        {
            WorkerId = _worker.Id.ToString("D"),
            TaskId = TaskId,
            Attempt = Attempt,
            FencingToken = FencingToken,
            Started = Timestamp.FromDateTimeOffset(started),
        };
        var kind = await WorkAsync(report, activity);
        _endedInTime = Reason is not (StopReason.LeaseLost or StopReason.LeaseExpired);
        report.Ended = Timestamp.FromDateTimeOffset(_time.GetUtcNow());
        report.Statistics = _control.Meter.ToStatistics();
        var outcome = report.OutcomeCase == ReportOutcomeRequest.OutcomeOneofCase.Succeeded ? "succeeded" : report.Failed.Code.ToString();
        WorkerInstruments.AttemptEnded(_worker.Name, kind, outcome, _time.GetElapsedTime(since), report.Statistics);
        await ReportAsync(report, abandon);
    }

    public void Dispose()
    {
        _onLeaseEnd.Dispose();
        _lease.Dispose();
    }

    private async Task<string> WorkAsync(ReportOutcomeRequest report, Activity? activity)
    {
        var kind = "unknown";
        try
        {
            _control.OpenLayer = (layer, token) => PrepareAsync(layer.ToString("D"), token);
            var order = await PrepareAsync("", _stop.Token);
            kind = order.WorkCase.ToString().ToLowerInvariant();
            activity?.SetTag("ovd.job.id", order.JobId).SetTag("ovd.vm.name", order.VmName).SetTag("ovd.disk.id", order.DiskId).SetTag("ovd.kind", kind);
            Log.TaskStarted(_logger, kind, order.DiskId, order.VmName, TaskId, Attempt, JobId);
            report.Succeeded = await _executor.ExecuteAsync(order, _control, _stop.Token);
            Log.TaskSucceeded(_logger, TaskId, Attempt, _control.Meter.Bottleneck());
        }
        catch (Exception failure)
        {
            report.Failed = Explain(failure);
            activity.Fail(report.Failed.Message);
        }

        return kind;
    }

    private async Task<TaskOrder> PrepareAsync(string layer, CancellationToken cancellationToken)
    {
        var request = new PrepareTaskRequest
        {
            WorkerId = _worker.Id.ToString("D"),
            TaskId = TaskId,
            Attempt = Attempt,
            FencingToken = FencingToken,
            VolumeId = layer,
        };
        var backOff = new BackOff(_time);
        var since = _time.GetTimestamp();
        while (true)
        {
            try
            {
                var response = await _server.PrepareTaskAsync(request, cancellationToken);
                return response.Order ?? throw new TaskFailureException(FailureCode.BadOrder, "The server's answer holds no order.");
            }
            catch (WorkerControlException failure) when (failure.Error == WorkerControlError.Unreachable && _time.GetElapsedTime(since) < PrepareLimit)
            {
                Log.OrderNotReceived(_logger, TaskId, Attempt, failure.Message);
                await backOff.WaitAsync(cancellationToken);
            }
            catch (WorkerControlException failure)
            {
                throw new TaskFailureException(FailureCode.SourceFailed, $"The server could not prepare the transfer: {failure.Message}", failure);
            }
        }
    }

    private TaskFailed Explain(Exception failure)
    {
        switch (Reason)
        {
            case StopReason.Cancelled:
                return new TaskFailed { Code = FailureCode.Cancelled, Message = "The job was cancelled." };
            case StopReason.WorkerStopping:
                return new TaskFailed { Code = FailureCode.WorkerStopping, Message = $"Worker {_worker.Name} was shut down." };
            case StopReason.LeaseExpired or StopReason.LeaseLost:
                return new TaskFailed
                {
                    Code = FailureCode.WorkerStopping,
                    Message = $"Worker {_worker.Name} stopped by itself: its lease could not be renewed in time.",
                };
        }

        if (failure is TaskFailureException known)
        {
            Log.TaskFailed(_logger, TaskId, Attempt, known.Code, known.Message);
            // Read far from here, beside those of other workers.
            return new TaskFailed { Code = known.Code, Message = $"worker {_worker.Name}: {known.Message}" };
        }

        Log.TaskFailedUnexpectedly(_logger, TaskId, Attempt, failure);
        return new TaskFailed
        {
            Code = FailureCode.Internal,
            Message = $"Unexpected error ({failure.GetType().Name}); the log of worker {_worker.Name} has the details under task {TaskId}.",
        };
    }

    private async Task ReportAsync(ReportOutcomeRequest report, CancellationToken abandon)
    {
        // A server that comes back gives every attempt a whole lease: the outcome has to be there before that ends.
        var backOff = new BackOff(_time, _lease.Length / 3);
        while (true)
        {
            try
            {
                var response = await _server.ReportOutcomeAsync(report, abandon);
                Log.OutcomeReported(_logger, TaskId, Attempt, response.Accepted);
                return;
            }
            catch (WorkerControlException failure) when (failure.Error == WorkerControlError.Unreachable && WorthRepeating)
            {
                Log.OutcomeNotDelivered(_logger, TaskId, Attempt, failure.Message);
            }
            catch (WorkerControlException failure)
            {
                Log.OutcomeDropped(_logger, TaskId, Attempt, failure.Message);
                return;
            }
            catch (OperationCanceledException)
            {
                Log.OutcomeDropped(_logger, TaskId, Attempt, "the worker had to end");
                return;
            }

            try
            {
                await backOff.WaitAsync(abandon);
            }
            catch (OperationCanceledException)
            {
                Log.OutcomeDropped(_logger, TaskId, Attempt, "the worker had to end");
                return;
            }
        }
    }

    // The server extends leases by the time it was away, so what ended within the lease is worth waiting for, however long the lease was up meanwhile;
    // the report of a lost lease is a courtesy.
    private bool WorthRepeating => _endedInTime;
}
