// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.Repository;

namespace OvirtDistributed.DataMover.Maintenance;

/// <summary>Collects the garbage of every repository from time to time, each on its own.</summary>
internal sealed partial class GarbageCollector(RepositoryRoster roster, TimeProvider timeProvider, ILogger<GarbageCollector> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(roster.All.Where(repository => repository.Collection.Interval > TimeSpan.Zero).Select(repository => KeepCollectingAsync(repository, stoppingToken)));

    private async Task KeepCollectingAsync(HostedRepository repository, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(repository.Collection.Interval, timeProvider);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await CollectAsync(repository, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The Data Mover stops; the next round begins anew.
        }
    }

    private async Task CollectAsync(HostedRepository repository, CancellationToken cancellationToken)
    {
        if (repository.Store is not { } store)
        {
            return; // not open now: the next round finds it
        }

        try
        {
            await store.CollectAsync(repository.Collection.ToGcOptions(), progress: null, cancellationToken);
        }
        catch (RepositoryException failure)
        {
            Log.RoundFailed(logger, repository.Name, failure.Message);
        }
        catch (ObjectDisposedException)
        {
            // It was closed at this moment.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Garbage of repository {Repository} could not be collected; the next round tries again: {Reason}")]
        public static partial void RoundFailed(ILogger logger, string repository, string reason);
    }
}
