// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Hosting.Bus;
using RabbitMQ.Client;
using RabbitMQ.Client.Exceptions;

namespace OvirtDistributed.Server.Outbox;

/// <summary>
/// Declares each cluster's quorum queue with the very arguments the workers use, and the dead letters behind it. On a connection of its own:
/// a refused declaration closes its channel and must not touch the one that carries offers.
/// </summary>
internal sealed class RabbitMqClusterQueues(BusOptions options) : IClusterQueues, IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly ConcurrentDictionary<Guid, byte> _declared = new();
    private IConnection? _connection;

    public async Task DeclareAsync(Guid clusterId, CancellationToken cancellationToken)
    {
        if (_declared.ContainsKey(clusterId) && _connection is { IsOpen: true })
        {
            return;
        }

        try
        {
            await using var channel = await OpenAsync(cancellationToken);
            await channel.ExchangeDeclareAsync(ClusterQueue.DeadLetters, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
            await channel.QueueDeclareAsync(
                ClusterQueue.DeadLetters, durable: true, exclusive: false, autoDelete: false,
                new Dictionary<string, object?> { ["x-queue-type"] = "quorum" }, cancellationToken: cancellationToken);
            await channel.QueueBindAsync(ClusterQueue.DeadLetters, ClusterQueue.DeadLetters, "", cancellationToken: cancellationToken);

            var name = ClusterQueue.NameOf(clusterId);
            await channel.ExchangeDeclareAsync(name, ExchangeType.Fanout, durable: true, cancellationToken: cancellationToken);
            await channel.QueueDeclareAsync(
                name, durable: true, exclusive: false, autoDelete: false,
                new Dictionary<string, object?>
                {
                    ["x-queue-type"] = "quorum",
                    ["x-dead-letter-exchange"] = ClusterQueue.DeadLetters,
                    ["x-delivery-limit"] = ClusterQueueTopology.DeliveryLimit,
                },
                cancellationToken: cancellationToken);
            await channel.QueueBindAsync(name, name, "", cancellationToken: cancellationToken);
            _declared[clusterId] = 0;
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw new OfferException($"the queue of cluster {clusterId} could not be declared: {failure.Message}", failure);
        }
    }

    public async Task<QueueState?> ReadAsync(string queue, CancellationToken cancellationToken)
    {
        try
        {
            await using var channel = await OpenAsync(cancellationToken);
            var state = await channel.QueueDeclarePassiveAsync(queue, cancellationToken);
            return new QueueState(state.MessageCount, state.ConsumerCount);
        }
        catch (OperationInterruptedException)
        {
            return null; // There is no such queue.
        }
        catch (Exception failure) when (failure is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            throw new OfferException($"the message bus cannot be asked: {failure.Message}", failure);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_connection is { } connection)
        {
            await connection.DisposeAsync();
        }

        _turn.Dispose();
    }

    private async Task<IChannel> OpenAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_connection is not { IsOpen: true })
            {
                if (_connection is { } broken)
                {
                    _connection = null;
                    await broken.DisposeAsync();
                }

                // Queues may be gone with the broker that was there before.
                _declared.Clear();
                var factory = new ConnectionFactory { Uri = new Uri(options.Uri!), ClientProvidedName = "ovd-server queues", AutomaticRecoveryEnabled = false };
                _connection = await factory.CreateConnectionAsync(cancellationToken);
            }

            return await _connection.CreateChannelAsync(cancellationToken: cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }
}
