// SPDX-License-Identifier: Apache-2.0

using MassTransit;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Worker.Agent;

namespace OvirtDistributed.Worker;

/// <summary>
/// Workers inside the backup server, one for each cluster that has none of its own. They use the server's bus and its services in process.
/// Started and stopped while the server runs, as clusters come and go.
/// </summary>
public sealed partial class EmbeddedWorkers : IHostedService, IAsyncDisposable
{
    private readonly IBus _bus;
    private readonly Func<WorkerOptions, IWorkerControl> _control;
    private readonly TlsIdentity? _tls;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger<EmbeddedWorkers> _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Embedded> _running = [];
    private bool _stopped;

    /// <param name="bus">The server's bus.</param>
    /// <param name="control">Makes a worker's way to the server's services.</param>
    /// <param name="tls">Certificate for the Data Mover; null without TLS.</param>
    /// <param name="time">Clock.</param>
    /// <param name="loggers">Logs.</param>
    public EmbeddedWorkers(IBus bus, Func<WorkerOptions, IWorkerControl> control, TlsIdentity? tls, TimeProvider time, ILoggerFactory loggers)
    {
        _bus = bus;
        _control = control;
        _tls = tls;
        _time = time;
        _loggers = loggers;
        _logger = loggers.CreateLogger<EmbeddedWorkers>();
    }

    /// <summary>Ids of the clusters that have an embedded worker.</summary>
    public IReadOnlyCollection<Guid> Clusters
    {
        get
        {
            lock (_lock)
            {
                return [.. _running.Keys];
            }
        }
    }

    /// <summary>Starts the worker of a cluster, unless it runs already. Returns at once; the worker registers by itself.</summary>
    /// <exception cref="InvalidOperationException">The options cannot be used; the message has one line for each problem.</exception>
    public void Start(WorkerOptions options)
    {
        var problems = options.Problems(embedded: true).ToList();
        if (problems.Count > 0)
        {
            throw new InvalidOperationException(string.Join(Environment.NewLine, problems));
        }

        lock (_lock)
        {
            if (_stopped || _running.ContainsKey(options.ClusterId))
            {
                return;
            }

            var agent = WorkerServices.CreateAgent(options, _control(options), _bus, _tls, _time, _loggers);
            var stop = new CancellationTokenSource();
            _running.Add(options.ClusterId, new Embedded(stop, Task.Run(() => RunAsync(agent, stop.Token), CancellationToken.None)));
        }
    }

    /// <summary>Stops the worker of a cluster; its work ends first. Does nothing when there is none.</summary>
    public async Task StopAsync(Guid clusterId)
    {
        Embedded? worker;
        lock (_lock)
        {
            _running.Remove(clusterId, out worker);
        }

        if (worker is not null)
        {
            await EndAsync(worker);
        }
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Stops all workers and waits for them.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        List<Embedded> all;
        lock (_lock)
        {
            _stopped = true;
            all = [.. _running.Values];
            _running.Clear();
        }

        await Task.WhenAll(all.Select(EndAsync));
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private static async Task EndAsync(Embedded worker)
    {
        await worker.Stop.CancelAsync();
        await worker.Run;
        worker.Stop.Dispose();
    }

    private async Task RunAsync(WorkerAgent agent, CancellationToken cancellationToken)
    {
        try
        {
            await agent.RunAsync(cancellationToken);
        }
        catch (Exception failure)
        {
            // The edge of an embedded worker: its failure must not end the server.
            Log.WorkerFailed(_logger, agent.Name, failure);
        }
    }

    private sealed record Embedded(CancellationTokenSource Stop, Task Run);

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "Embedded worker {Name} ended unexpectedly; restart the server to get it back")]
        public static partial void WorkerFailed(ILogger logger, string name, Exception exception);
    }
}

/// <summary>Registration of <see cref="EmbeddedWorkers"/>.</summary>
public static class EmbeddedWorkersServices
{
    /// <summary>
    /// Adds <see cref="EmbeddedWorkers"/> as a singleton and hosted service; needs the bus of <c>AddServiceBus</c>.
    /// Register it after the server's own hosted services, so that it is stopped before them.
    /// </summary>
    /// <param name="services">The server's container.</param>
    /// <param name="control">Makes a worker's way to the server: an own implementation in process, or <see cref="Over"/> a channel.</param>
    /// <param name="tls">Certificate for the Data Mover; null without TLS.</param>
    public static IServiceCollection AddEmbeddedWorkers(
        this IServiceCollection services, Func<IServiceProvider, WorkerOptions, IWorkerControl> control, TlsIdentity? tls)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => new EmbeddedWorkers(
            provider.GetRequiredService<IBus>(),
            options => control(provider, options),
            tls,
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILoggerFactory>()));
        return services.AddHostedService(provider => provider.GetRequiredService<EmbeddedWorkers>());
    }

    /// <summary>A way to the server over gRPC.</summary>
    public static IWorkerControl Over(Grpc.Core.CallInvoker invoker, TimeProvider time) => new GrpcWorkerControl(invoker, time);
}
