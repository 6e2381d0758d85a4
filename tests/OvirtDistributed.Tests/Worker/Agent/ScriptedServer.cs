// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using System.Threading.Channels;
using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Agent;

namespace OvirtDistributed.Tests.Worker.Agent;

/// <summary>A backup server that keeps its books like the real one and does what the test says.</summary>
internal sealed class ScriptedServer : IWorkerControl
{
    private readonly Channel<ReportOutcomeRequest> _outcomes = Channel.CreateUnbounded<ReportOutcomeRequest>();
    private readonly Channel<AcquireLeaseRequest> _leases = Channel.CreateUnbounded<AcquireLeaseRequest>();
    private readonly Channel<HeartbeatRequest> _heartbeats = Channel.CreateUnbounded<HeartbeatRequest>();
    private readonly Channel<RegisterRequest> _registrations = Channel.CreateUnbounded<RegisterRequest>();
    private long _token;

    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(120);

    /// <summary>While true every call fails as if the server were gone.</summary>
    public bool Away { get; set; }

    /// <summary>Lets this many calls of a kind fail as unreachable, then counts on below zero.</summary>
    public ConcurrentDictionary<string, int> Failures { get; } = new();

    /// <summary>Why a lease is refused; null grants it.</summary>
    public Func<AcquireLeaseRequest, string?> Refuse { get; set; } = _ => null;

    public Func<TaskProgress, TaskDirective?> Direct { get; set; }

    public Func<PrepareTaskRequest, TaskOrder> Order { get; set; } = request => new TaskOrder
    {
        TaskId = request.TaskId,
        Attempt = request.Attempt,
        FencingToken = request.FencingToken,
        Backup = new BackupDiskOrder { TransportMode = "cbt" },
    };

    public bool RegisterAgain { get; set; }

    public string TraceParent { get; set; } = string.Empty;

    public ScriptedServer() => Direct = task => Keep(task);

    public TaskDirective Keep(TaskProgress task) => new()
    {
        TaskId = task.TaskId,
        Attempt = task.Attempt,
        LeaseDuration = Duration.FromTimeSpan(LeaseDuration),
    };

    public Task<ReportOutcomeRequest> NextOutcomeAsync() => _outcomes.Reader.ReadAsync().AsTask().WithinDeadline();

    public Task<AcquireLeaseRequest> NextLeaseAsync() => _leases.Reader.ReadAsync().AsTask().WithinDeadline();

    public Task<HeartbeatRequest> NextHeartbeatAsync() => _heartbeats.Reader.ReadAsync().AsTask().WithinDeadline();

    public Task<RegisterRequest> NextRegistrationAsync() => _registrations.Reader.ReadAsync().AsTask().WithinDeadline();

    /// <summary>Lease requests nobody looked at yet.</summary>
    public int UnseenLeases => _leases.Reader.Count;

    public Task<RegisterResponse> RegisterAsync(RegisterRequest request, CancellationToken cancellationToken)
    {
        FailIfAway("register");
        RegisterAgain = false;
        _registrations.Writer.TryWrite(request);
        return Task.FromResult(new RegisterResponse
        {
            HeartbeatInterval = Duration.FromTimeSpan(Interval),
            LeaseDuration = Duration.FromTimeSpan(LeaseDuration),
        });
    }

    public Task<AcquireLeaseResponse> AcquireLeaseAsync(AcquireLeaseRequest request, CancellationToken cancellationToken)
    {
        FailIfAway("lease");
        _leases.Writer.TryWrite(request);
        var refusal = Refuse(request);
        return Task.FromResult(new AcquireLeaseResponse
        {
            Granted = refusal is null,
            Refusal = refusal ?? string.Empty,
            FencingToken = Interlocked.Increment(ref _token),
            LeaseDuration = Duration.FromTimeSpan(LeaseDuration),
            JobId = "job",
            TraceParent = TraceParent,
        });
    }

    public Task<PrepareTaskResponse> PrepareTaskAsync(PrepareTaskRequest request, CancellationToken cancellationToken)
    {
        FailIfAway("prepare");
        return Task.FromResult(new PrepareTaskResponse { Order = Order(request) });
    }

    public Task<HeartbeatResponse> HeartbeatAsync(HeartbeatRequest request, CancellationToken cancellationToken)
    {
        FailIfAway("heartbeat");
        var response = new HeartbeatResponse { RegisterAgain = RegisterAgain };
        response.Tasks.AddRange(request.Tasks.Select(Direct).OfType<TaskDirective>());
        _heartbeats.Writer.TryWrite(request);
        return Task.FromResult(response);
    }

    public Task<ReportOutcomeResponse> ReportOutcomeAsync(ReportOutcomeRequest request, CancellationToken cancellationToken)
    {
        FailIfAway("report");
        _outcomes.Writer.TryWrite(request);
        return Task.FromResult(new ReportOutcomeResponse { Accepted = true });
    }

    private void FailIfAway(string call)
    {
        if (Away || Failures.AddOrUpdate(call, -1, (_, left) => left - 1) >= 0)
        {
            throw new WorkerControlException(WorkerControlError.Unreachable, $"scripted: {call} is not answered");
        }
    }
}
