// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Repositories;

/// <summary>Asks every repository how it is, again and again, and rebuilds the catalog where its count of points differs from ours.</summary>
internal sealed partial class RepositoryMonitor(
    IDbContextFactory<ServerDbContext> contexts, IDataMover mover, PointCatalog catalog, Leadership leadership, TimeProvider time, ServerOptions options,
    ILogger<RepositoryMonitor> logger) : BackgroundService
{
    /// <summary>Asks one repository and stores the answer.</summary>
    public async Task CheckAsync(StoredRepository repository, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        try
        {
            var status = await mover.ReadStatusAsync(repository.Address(), cancellationToken);
            // One that cannot be opened has no id to tell.
            var same = !status.Ready || status.RepositoryUid == repository.RepositoryUid;
            var downgraded = status.Ready && same && status.Encryption?.KeySetId != repository.KeySetId;
            var condition = status.Ready && same && !downgraded ? RepositoryCondition.Ready : RepositoryCondition.Failed;
            var problem = !same
                ? $"the Data Mover now serves another repository ({status.RepositoryUid}) under this name"
                : downgraded ? DowngradeOf(repository, status) : status.Problem;
            await context.Repositories.Where(row => row.Id == repository.Id).ExecuteUpdateAsync(
                set => set
                    .SetProperty(row => row.Condition, condition)
                    .SetProperty(row => row.Problem, problem)
                    .SetProperty(row => row.Points, status.Points)
                    .SetProperty(row => row.StoredBytes, status.StoredBytes)
                    .SetProperty(row => row.FreeBytes, status.FreeBytes)
                    .SetProperty(row => row.Location, status.Location)
                    .SetProperty(row => row.KeySlots, status.KeySlots)
                    .SetProperty(row => row.Checked, now),
                cancellationToken);
            if (condition == RepositoryCondition.Ready
                && await context.RestorePoints.LongCountAsync(point => point.RepositoryId == repository.Id, cancellationToken) != status.Points)
            {
                var points = await catalog.RebuildAsync(repository, cancellationToken);
                Log.CatalogRebuilt(logger, repository.Name, points);
            }
        }
        catch (MoverException failure)
        {
            var condition = failure.IsPassing ? RepositoryCondition.Unreachable : RepositoryCondition.Failed;
            await context.Repositories.Where(row => row.Id == repository.Id).ExecuteUpdateAsync(
                set => set.SetProperty(row => row.Condition, condition).SetProperty(row => row.Problem, failure.Message).SetProperty(row => row.Checked, now),
                cancellationToken);
        }
    }

    // Workers refuse it by themselves, each with the key of its order; this is for the operator.
    private static string DowngradeOf(StoredRepository repository, MoverRepositoryStatus status) =>
        $"it was {(repository.KeySetId is { } own ? $"encrypted under key set {own}" : "not encrypted")} when it was added, and now the Data Mover says that it is "
        + $"{(status.Encryption is { } other ? $"under key set {other.KeySetId}" : "not encrypted")}: its repo.json was changed; restore it from a copy";

    /// <summary>Stores a repository's figures after they changed by our own doing, so that nobody waits for the next round to see them.</summary>
    /// <exception cref="MoverException">The Data Mover does not answer.</exception>
    public async Task RefreshFiguresAsync(StoredRepository repository, CancellationToken cancellationToken)
    {
        var status = await mover.ReadStatusAsync(repository.Address(), cancellationToken);
        if (!status.Ready || status.RepositoryUid != repository.RepositoryUid)
        {
            return; // The next round judges that.
        }

        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Repositories.Where(row => row.Id == repository.Id).ExecuteUpdateAsync(
            set => set
                .SetProperty(row => row.Points, status.Points)
                .SetProperty(row => row.StoredBytes, status.StoredBytes)
                .SetProperty(row => row.FreeBytes, status.FreeBytes)
                .SetProperty(row => row.KeySlots, status.KeySlots),
            cancellationToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        leadership.RunRoundsAsync(options.RepositoryInterval, CheckAllAsync, stoppingToken);

    private async Task CheckAllAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            foreach (var repository in await context.Repositories.AsNoTracking().ToListAsync(cancellationToken))
            {
                await CheckAsync(repository, cancellationToken);
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }
}
