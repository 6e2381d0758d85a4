// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Hosting.Bus;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Agent;
using RabbitMQ.Client;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Agent;

/// <summary>The agent on a real RabbitMQ: quorum queue, acknowledgements, consumers that come and go.</summary>
[Trait("Category", "Broker")]
public sealed class BrokerTests
{
    [Fact]
    public async Task AllSlotsTaken_ConsumerLeavesAndNoOfferIsLost()
    {
        Assert.True(PrivateBroker.IsInstalled, "RabbitMQ is not installed: apt-get install rabbitmq-server");
        await using var broker = await PrivateBroker.StartAsync();
        var options = new WorkerOptions { ClusterId = Guid.NewGuid(), Name = "worker", Slots = 2 };
        var queue = ClusterQueue.NameOf(options.ClusterId);
        var bus = Bus.Factory.CreateUsingRabbitMq(rabbit => rabbit.Host(broker.Address));
        await bus.StartAsync(CancellationToken.None).WithinDeadline();
        await using var connection = await new ConnectionFactory { Uri = broker.Address }.CreateConnectionAsync(TestContext.Current.CancellationToken).WithinDeadline();
        var server = new ScriptedServer();
        var executor = new ScriptedExecutor();
        var agent = new WorkerAgent(options, server, bus, executor, TimeProvider.System, NullLoggerFactory.Instance);
        using var stop = new CancellationTokenSource();
        var run = agent.RunAsync(stop.Token);
        await WaitForAsync(connection, queue, consumers: 1, messages: 0);

        for (var i = 0; i < 5; i++)
        {
            await SendAsync(bus, options.ClusterId);
        }

        var first = await executor.NextStartAsync();
        var second = await executor.NextStartAsync();
        // Some more may have come before the consumer had left: they are parked in the worker, and tried first when a slot is free.
        await WaitForAsync(connection, queue, consumers: 0, messages: 3, parked: 3);
        Assert.Equal(0, executor.UnseenStarts);

        first.Succeed();
        var third = await executor.NextStartAsync();
        await WaitForAsync(connection, queue, consumers: 0, messages: 2, parked: 2);

        second.Succeed();
        third.Succeed();
        (await executor.NextStartAsync()).Succeed();
        (await executor.NextStartAsync()).Succeed();
        await WaitForAsync(connection, queue, consumers: 1, messages: 0);
        await stop.CancelAsync();
        await run.WithinDeadline();
        await WaitForAsync(connection, queue, consumers: 0, messages: 0);
        await bus.StopAsync(CancellationToken.None).WithinDeadline();
    }

    [Fact]
    public async Task ServerDeclaredTheQueueBefore_WorkerConsumesFromIt()
    {
        Assert.True(PrivateBroker.IsInstalled, "RabbitMQ is not installed: apt-get install rabbitmq-server");
        await using var broker = await PrivateBroker.StartAsync();
        var options = new WorkerOptions { ClusterId = Guid.NewGuid(), Name = "worker" };
        var queue = ClusterQueue.NameOf(options.ClusterId);
        var bus = Bus.Factory.CreateUsingRabbitMq(rabbit => rabbit.Host(broker.Address));
        await bus.StartAsync(CancellationToken.None).WithinDeadline();
        var declared = bus.ConnectReceiveEndpoint(queue, endpoint => endpoint.UseClusterQueue());
        await declared.Ready.WithinDeadline();
        await declared.StopAsync(CancellationToken.None).WithinDeadline();
        await SendAsync(bus, options.ClusterId);

        var executor = new ScriptedExecutor();
        var agent = new WorkerAgent(options, new ScriptedServer(), bus, executor, TimeProvider.System, NullLoggerFactory.Instance);
        using var stop = new CancellationTokenSource();
        var run = agent.RunAsync(stop.Token);

        (await executor.NextStartAsync()).Succeed();
        await stop.CancelAsync();
        await run.WithinDeadline();
        await bus.StopAsync(CancellationToken.None).WithinDeadline();
    }

    private static async Task SendAsync(IBusControl bus, Guid clusterId)
    {
        // By the exchange, as the server does: "queue:" addresses would declare a classic queue.
        var exchange = await bus.GetSendEndpoint(new Uri("exchange:" + ClusterQueue.NameOf(clusterId)));
        await exchange.Send(new OfferTask { TaskId = Guid.NewGuid(), Attempt = 1, JobId = Guid.NewGuid(), ClusterId = clusterId }).WithinDeadline();
    }

    private static Task WaitForAsync(IConnection connection, string queue, uint consumers, uint messages, uint parked = 0) => Deadline.UntilAsync(
        async () =>
        {
            try
            {
                // A refusal closes the channel: each look takes its own.
                await using var channel = await connection.CreateChannelAsync();
                var state = await channel.QueueDeclarePassiveAsync(queue);
                return state.ConsumerCount == consumers && state.MessageCount <= messages && state.MessageCount + parked >= messages;
            }
            catch (RabbitMQ.Client.Exceptions.OperationInterruptedException)
            {
                return false;
            }
        },
        $"queue with {consumers} consumers and {messages} messages");
}
