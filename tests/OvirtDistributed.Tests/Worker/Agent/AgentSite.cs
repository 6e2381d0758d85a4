// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Bus;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Agent;

namespace OvirtDistributed.Tests.Worker.Agent;

/// <summary>One agent on an in-memory bus, with a server and work that follow the test's script, in the test's time.</summary>
internal sealed class AgentSite : IAsyncDisposable
{
    private readonly IBusControl _bus;
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    private AgentSite(int slots)
    {
        Options = new WorkerOptions { ClusterId = Guid.NewGuid(), Name = "worker-under-test", Slots = slots };
        _bus = Bus.Factory.CreateUsingInMemory(bus => bus.Host(new Uri("loopback://localhost/" + Options.ClusterId.ToString("N"))));
        Agent = new WorkerAgent(Options, Server, _bus, Executor, Time, NullLoggerFactory.Instance);
    }

    public WorkerOptions Options { get; }

    public ScriptedServer Server { get; } = new();

    public ScriptedExecutor Executor { get; } = new();

    public ManualTimeProvider Time { get; } = new();

    public WorkerAgent Agent { get; }

    public static async Task<AgentSite> StartAsync(int slots = 1, Action<AgentSite>? arrange = null)
    {
        var site = new AgentSite(slots);
        arrange?.Invoke(site);
        await site._bus.StartAsync(CancellationToken.None).WithinDeadline();

        // The queue is there before the worker, as on a broker where the server has declared it.
        var queue = site._bus.ConnectReceiveEndpoint(ClusterQueue.NameOf(site.Options.ClusterId), endpoint => endpoint.UseClusterQueue());
        await queue.Ready.WithinDeadline();
        await queue.StopAsync(CancellationToken.None).WithinDeadline();
        site._run = site.Agent.RunAsync(site._stop.Token);
        return site;
    }

    public async Task<OfferTask> OfferAsync(OfferTask? offer = null)
    {
        offer ??= new OfferTask { TaskId = Guid.NewGuid(), Attempt = 1, JobId = Guid.NewGuid(), ClusterId = Options.ClusterId };
        var exchange = await _bus.GetSendEndpoint(new Uri("exchange:" + ClusterQueue.NameOf(Options.ClusterId)));
        await exchange.Send(offer).WithinDeadline();
        return offer;
    }

    /// <summary>Lets the next heartbeat happen.</summary>
    /// <param name="running">Tasks at work: each has a timer for its lease, beside the heartbeat's own.</param>
    public async Task<HeartbeatRequest> BeatAsync(int running)
    {
        await Time.WaitForTimersAsync(running + 1, CancellationToken.None).WithinDeadline();
        await AdvanceAsync(ScriptedServer.Interval);
        return await Server.NextHeartbeatAsync();
    }

    /// <summary>Moves time on as soon as the agent sleeps for at most that long: until its next heartbeat, or in a pause before a repetition.</summary>
    public async Task AdvanceAsync(TimeSpan by)
    {
        await Time.WaitForTimerDueWithinAsync(by, CancellationToken.None).WithinDeadline();
        Time.Advance(by);
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _run.WithinDeadline();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _bus.StopAsync(CancellationToken.None).WithinDeadline();
        _stop.Dispose();
    }
}
