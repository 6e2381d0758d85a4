// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using OvirtDistributed.Contracts.Bus;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Bus;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Telemetry;

namespace OvirtDistributed.Worker.Agent;

/// <summary>
/// Takes offers from the cluster's queue while there is a free slot and the server answers; otherwise its endpoint is disconnected.
/// An offer is acknowledged as soon as the lease is decided, and also when the server is away: the server offers again what nobody leased,
/// while a negative acknowledgement would only run into the delivery limit.
/// </summary>
internal sealed partial class OfferIntake(
    WorkerIdentity worker,
    IReceiveConnector bus,
    IWorkerControl server,
    ServerReachability reachability,
    TaskRuns runs,
    ITaskExecutor executor,
    TimeProvider time,
    ILogger<OfferIntake> logger)
{
    // Far more than come while an endpoint is being disconnected.
    private const int MostParked = 64;
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);

    // Offers that came while the last slot was taken, or whose lease call was not answered: tried again before the queue is asked for more.
    // Beyond a bound the oldest fall out: the server offers them again.
    private readonly Queue<OfferTask> _parked = new();
    private readonly Lock _lock = new();

    /// <summary>Connects and disconnects the endpoint until the token is cancelled; disconnected on return.</summary>
    /// <param name="abandon">Passed to the runs: ends the delivery of their outcomes.</param>
    /// <param name="cancellationToken">Ends the intake.</param>
    public async Task RunAsync(CancellationToken abandon, CancellationToken cancellationToken)
    {
        HostReceiveEndpointHandle? endpoint = null;
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                if (Wanted)
                {
                    await TryParkedAsync(abandon, cancellationToken);
                }

                if (Wanted && endpoint is null)
                {
                    endpoint = Connect(abandon, cancellationToken);
                }
                else if (!Wanted && endpoint is not null)
                {
                    await DisconnectAsync(endpoint);
                    endpoint = null;
                }
                else
                {
                    await reachability.WaitAsync(cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The regular end.
        }
        finally
        {
            if (endpoint is not null)
            {
                await DisconnectAsync(endpoint);
            }
        }
    }

    private bool Wanted => reachability.IsReachable && runs.Free > 0;

    private HostReceiveEndpointHandle Connect(CancellationToken abandon, CancellationToken cancellationToken)
    {
        var queue = ClusterQueue.NameOf(worker.ClusterId);
        Log.Listening(logger, queue, runs.Free);
        return bus.ConnectReceiveEndpoint(queue, endpoint =>
        {
            endpoint.UseClusterQueue();

            // One at a time, whatever is free: the next offer may be taken by a worker with an empty machine.
            endpoint.PrefetchCount = 1;
            endpoint.ConcurrentMessageLimit = 1;
            endpoint.Handler<OfferTask>(context => ConsumeAsync(context.Message, abandon, cancellationToken));
        });
    }

    // Under its own deadline: it also runs when the worker stops, and a broker that is away must not hold that up.
    private async Task DisconnectAsync(HostReceiveEndpointHandle endpoint)
    {
        using var limit = new CancellationTokenSource(StopLimit, time);
        try
        {
            await endpoint.StopAsync(limit.Token);
            Log.NotListening(logger, runs.Free, reachability.IsReachable);
        }
        catch (Exception failure)
        {
            Log.EndpointNotStopped(logger, failure.Message);
        }
    }

    private async Task ConsumeAsync(OfferTask offer, CancellationToken abandon, CancellationToken cancellationToken)
    {
        var fate = "failed";
        try
        {
            fate = await TakeAsync(offer, abandon, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            fate = "stopping";
        }
        catch (Exception failure)
        {
            // The message is only an offer: it is acknowledged, and comes again when nobody has the lease.
            Log.OfferFailed(logger, offer.TaskId, offer.Attempt, failure);
        }

        WorkerInstruments.OfferReceived(worker.Name, fate);
    }

    private async Task TryParkedAsync(CancellationToken abandon, CancellationToken cancellationToken)
    {
        while (Wanted)
        {
            OfferTask? offer;
            lock (_lock)
            {
                if (!_parked.TryDequeue(out offer))
                {
                    return;
                }
            }

            await ConsumeAsync(offer, abandon, cancellationToken);
        }
    }

    private async Task<string> TakeAsync(OfferTask offer, CancellationToken abandon, CancellationToken cancellationToken)
    {
        var taskId = offer.TaskId.ToString("D");
        if (runs.IsRunning(taskId, offer.Attempt))
        {
            return "duplicate";
        }

        if (!runs.TryReserve())
        {
            Park(offer);
            return "parked";
        }

        var started = false;
        try
        {
            var run = await LeaseAsync(offer, taskId, cancellationToken);
            if (run is null)
            {
                return reachability.IsReachable ? "refused" : "parked";
            }

            runs.Start(run, reachability.Ring, abandon);
            started = true;
            return "leased";
        }
        finally
        {
            if (!started)
            {
                runs.Release();
            }

            // The last slot may be taken now, or one is free again.
            reachability.Ring();
        }
    }

    private async Task<TaskRun?> LeaseAsync(OfferTask offer, string taskId, CancellationToken cancellationToken)
    {
        var request = new AcquireLeaseRequest { WorkerId = worker.Id.ToString("D"), TaskId = taskId, Attempt = offer.Attempt };
        var sent = time.GetTimestamp();
        AcquireLeaseResponse answer;
        try
        {
            answer = await server.AcquireLeaseAsync(request, cancellationToken);
        }
        catch (WorkerControlException failure) when (failure.Error == WorkerControlError.Unreachable)
        {
            Log.LeaseNotAnswered(logger, offer.TaskId, offer.Attempt, failure.Message);
            reachability.Lost();
            Park(offer);
            return null;
        }
        catch (WorkerControlException failure)
        {
            Log.LeaseRefused(logger, offer.TaskId, offer.Attempt, failure.Message);
            return null;
        }

        if (!answer.Granted)
        {
            Log.LeaseRefused(logger, offer.TaskId, offer.Attempt, answer.Refusal);
            return null;
        }

        return new TaskRun(new TaskRunStart(taskId, offer.Attempt, answer, sent), worker, server, executor, time, logger);
    }

    private void Park(OfferTask offer)
    {
        lock (_lock)
        {
            if (!_parked.Contains(offer))
            {
                _parked.Enqueue(offer);
            }

            while (_parked.Count > MostParked)
            {
                _parked.Dequeue();
            }
        }
    }
}
