// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.Engine;
using OvirtDistributed.Ovirt.Engine.Snapshots;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.Ids;
using OvirtDistributed.Tests.Ovirt.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Ovirt.Engine;

public sealed class EngineRetryTests
{
    private static readonly EngineRetryOptions TwoMinutes = new() { LockedLimit = TimeSpan.FromMinutes(2), UnreachableLimit = TimeSpan.FromMinutes(2) };

    private readonly VmId _vm = new(Guid.NewGuid());
    private readonly ManualTimeProvider _time = new();

    [Theory]
    [InlineData("[Cannot add Snapshot: VM is locked. Please try again in a few minutes.]")]
    [InlineData("[Cannot create Snapshot. The following disks are locked: vm1_disk1. Please try again in a few minutes.]")]
    [InlineData("[Cannot transfer Virtual Disk: Disk is locked. Please try again later.]")]
    [InlineData("[Related operation is currently in progress. Please try again later.]")]
    [InlineData("[Cannot remove Disk. Disk vm1_disk1 is being transferred.]")]
    [InlineData("[Cannot add Snapshot. The VM is performing an operation on a Snapshot. Please wait.]")]
    public async Task EngineSaysLocked_CallIsRepeatedEvenWhenNotIdempotent(string detail)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var answer = Answer.Json($$"""{"id":"{{Guid.NewGuid()}}","snapshot_status":"locked"}""", 202);
        engine.On($"POST vms/{_vm}/snapshots", Answer.Fault(409, detail), Answer.Fault(409, detail), Answer.Fault(409, detail), answer);
        await using var client = engine.Connect(_time, TwoMinutes);

        var call = client.Snapshots.CreateAsync(_vm, new CreateSnapshot { Description = "x" }, CorrelationId.New(), CancellationToken.None);
        var passed = await _time.DriveAsync(call, TimeSpan.FromMilliseconds(200));

        Assert.Equal(SnapshotStatus.Locked, (await call).Status);
        Assert.Equal(4, engine.Calls.Count);
        Assert.True(passed > TimeSpan.FromSeconds(0.5), $"Three pauses took only {passed}.");
    }

    [Fact]
    public async Task EngineStaysLocked_FailsAsLockedAfterTheLimit()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/start", Answer.Fault(409, "[Cannot run VM: VM is locked.]"));
        await using var client = engine.Connect(_time, TwoMinutes);

        var call = client.Vms.StartAsync(_vm, CorrelationId.New(), CancellationToken.None);
        var passed = await _time.DriveAsync(call, TimeSpan.FromSeconds(1));

        var failure = await Assert.ThrowsAsync<OvirtException>(() => call);
        Assert.Equal(OvirtError.Locked, failure.Error);
        Assert.True(failure.IsRetryable);
        Assert.Equal(409, failure.HttpStatus);
        Assert.Equal("Cannot run VM: VM is locked.", failure.FaultDetail);
        Assert.InRange(passed, TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(3));
        // Exponential: far fewer tries than seconds.
        Assert.InRange(engine.Calls.Count, 8, 60);
    }

    [Theory]
    [InlineData(409, "[Cannot run VM. VM is running.]", OvirtError.Conflict)]
    [InlineData(409, "[The disk vm1 is plugged to non-Down VMs: vm1]", OvirtError.Conflict)]
    [InlineData(400, "[Vm [name] required for add]", OvirtError.BadRequest)]
    [InlineData(403, "[User is not authorized to perform this action.]", OvirtError.Forbidden)]
    [InlineData(404, "", OvirtError.NotFound)]
    [InlineData(500, "[The following attached disks are in ILLEGAL status: a - please remove them and try again.]", OvirtError.DiskIllegal)]
    [InlineData(500, "[Internal Engine Error]", OvirtError.EngineFailed)]
    [InlineData(418, "", OvirtError.Unknown)]
    [InlineData(302, "", OvirtError.InvalidResponse)]
    public async Task EngineRefuses_IsClassifiedAndNotRepeated(int status, string detail, OvirtError expected)
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/start", Answer.Fault(status, detail));
        await using var client = engine.Connect(_time, TwoMinutes);

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Vms.StartAsync(_vm, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(expected, failure.Error);
        Assert.False(failure.IsRetryable);
        Assert.Single(engine.Calls);
    }

    [Fact]
    public async Task EngineRestarts_IdempotentCallWaitsForIt()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        var fine = Answer.Json($$"""{"id":"{{_vm}}","name":"vm1","status":"up"}""");
        engine.On($"GET vms/{_vm}", Answer.Html(503), Answer.Html(502), Answer.Dropped, fine);
        await using var client = engine.Connect(_time, TwoMinutes);

        var call = client.Vms.FindAsync(_vm, CancellationToken.None);
        await _time.DriveAsync(call, TimeSpan.FromMilliseconds(200));

        Assert.Equal("vm1", (await call)!.Name);
        Assert.True(engine.Calls.Count >= 4);
    }

    [Fact]
    public async Task AnswerOfACreatingCallIsLost_IsNotRepeatedAndSaysSo()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/snapshots", Answer.Dropped);
        await using var client = engine.Connect(_time, TwoMinutes);

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Snapshots.CreateAsync(_vm, new CreateSnapshot { Description = "x" }, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.EngineUnavailable, failure.Error);
        Assert.True(failure.MayHaveBeenCarriedOut);
        Assert.Single(engine.Calls);
    }

    [Fact]
    public async Task EngineIsAwayForACreatingCall_503IsNotRepeated()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/snapshots", Answer.Html(503));
        await using var client = engine.Connect(_time, TwoMinutes);

        var failure = await Assert.ThrowsAsync<OvirtException>(
            () => client.Snapshots.CreateAsync(_vm, new CreateSnapshot { Description = "x" }, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.EngineUnavailable, failure.Error);
        Assert.True(failure.MayHaveBeenCarriedOut);
        Assert.Single(engine.Calls);
    }

    [Fact]
    public async Task EngineNeverAnswers_TimesOutOnTheInjectedClock()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"POST vms/{_vm}/start", Answer.Hung);
        await using var client = engine.Connect(_time, TwoMinutes);

        var call = client.Vms.StartAsync(_vm, CorrelationId.New(), CancellationToken.None);
        await Deadline.UntilAsync(() => Task.FromResult(engine.Calls.Count == 1), "the call to arrive");
        await _time.DriveAsync(call, TimeSpan.FromSeconds(30));

        var failure = await Assert.ThrowsAsync<OvirtException>(() => call);
        Assert.Equal(OvirtError.Timeout, failure.Error);
        Assert.True(failure.MayHaveBeenCarriedOut);
    }

    [Fact]
    public async Task CallerGivesUp_IsNotATimeout()
    {
        await using var engine = await ScriptedEngine.StartAsync();
        engine.On($"GET vms/{_vm}", Answer.Hung);
        await using var client = engine.Connect(_time, TwoMinutes);
        using var caller = new CancellationTokenSource();

        var call = client.Vms.FindAsync(_vm, caller.Token);
        await Deadline.UntilAsync(() => Task.FromResult(engine.Calls.Count == 1), "the call to arrive");
        await caller.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call).WithinDeadline();
    }

    [Fact]
    public async Task ManagerAcceptsAndSaysNothing_IsUnavailableAndNothingWasSent()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var engine = await ScriptedEngine.StartAsync();
        var connection = engine.Connection() with
        {
            ApiUrl = new Uri($"https://localhost:{((IPEndPoint)silent.LocalEndpoint).Port}"),
            Timeouts = new EngineTimeouts { Connect = TimeSpan.FromMilliseconds(300) },
        };
        await using var client = new OvirtEngineClientFactory(TimeProvider.System, NullLoggerFactory.Instance).Create(connection);

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Vms.StartAsync(_vm, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.EngineUnavailable, failure.Error);
        Assert.False(failure.MayHaveBeenCarriedOut);
    }

    [Fact]
    public async Task NobodyListens_IsUnavailableAndSaysThatNothingWasSent()
    {
        var engine = await ScriptedEngine.StartAsync();
        await using var client = engine.Connect();
        await engine.DisposeAsync();

        var failure = await Assert.ThrowsAsync<OvirtException>(() => client.Vms.StartAsync(_vm, CorrelationId.New(), CancellationToken.None)).WithinDeadline();

        Assert.Equal(OvirtError.EngineUnavailable, failure.Error);
        Assert.False(failure.MayHaveBeenCarriedOut);
    }
}
