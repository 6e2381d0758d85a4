// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Retention;

/// <summary>Removes what no policy keeps, again and again. What cannot be removed now, because it is in use or locked, is tried in the next round.</summary>
internal sealed partial class RetentionRunner(
    IDbContextFactory<ServerDbContext> contexts, RetentionPlanner planner, IDataMover mover, Leadership leadership, ServerOptions options,
    ILogger<RetentionRunner> logger) : BackgroundService
{
    /// <summary>Removes now what is in scope and no rule keeps. Idempotent.</summary>
    /// <returns>The points that went, and those that should have, with the reason.</returns>
    public async Task<IReadOnlyList<PlannedPoint>> ApplyAsync(RetentionScope scope, CancellationToken cancellationToken)
    {
        var plan = await planner.PlanAsync(scope, cancellationToken);
        var results = new List<PlannedPoint>();
        foreach (var point in plan.Where(point => !point.Decision.IsKept))
        {
            results.Add(point with { Problem = await RemoveAsync(point, cancellationToken) });
        }

        return results;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        leadership.RunRoundsAsync(options.RetentionInterval, RoundAsync, stoppingToken);

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        try
        {
            await ApplyAsync(new RetentionScope(), cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }

    private async Task<string> RemoveAsync(PlannedPoint planned, CancellationToken cancellationToken)
    {
        var (point, repository) = (planned.Point, planned.Repository);
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.PointPins.AnyAsync(pin => pin.RepositoryId == point.RepositoryId && pin.PointId == point.Id, cancellationToken))
        {
            return "it was pinned meanwhile";
        }

        try
        {
            // The repository first: while the catalog still lists the point a crash here is made good by the next round.
            await mover.RemovePointAsync(repository.Address(), point.Id, cancellationToken);
        }
        catch (MoverException failure) when (failure.Failure != MoverFailure.NotFound)
        {
            Log.PointNotRemoved(logger, point.Id, point.VmName, repository.Name, failure.Message);
            return failure.Message;
        }
        catch (MoverException)
        {
            // Gone already.
        }

        await context.RestorePoints.Where(row => row.RepositoryId == point.RepositoryId && row.Id == point.Id).ExecuteDeleteAsync(cancellationToken);
        Log.PointRemoved(logger, point.Id, point.VmName, point.Created, repository.Name, planned.Policy);
        return "";
    }
}
