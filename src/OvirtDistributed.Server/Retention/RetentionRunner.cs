// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Jobs;

namespace OvirtDistributed.Server.Retention;

/// <summary>Removes what no policy keeps, again and again. What cannot be removed now, because it is in use or locked, is tried in the next round.</summary>
internal sealed partial class RetentionRunner(
    RetentionPlanner planner, PointRemoval removal, Leadership leadership, ServerOptions options, ILogger<RetentionRunner> logger) : BackgroundService
{
    /// <summary>Removes now what is in scope and no rule keeps. Idempotent.</summary>
    /// <returns>The points that went, and those that should have, with the reason.</returns>
    public async Task<IReadOnlyList<PlannedPoint>> ApplyAsync(RetentionScope scope, CancellationToken cancellationToken)
    {
        var plan = await planner.PlanAsync(scope, cancellationToken);
        var results = new List<PlannedPoint>();
        foreach (var point in plan.Where(point => !point.Decision.IsKept))
        {
            results.Add(point with { Problem = await removal.RemoveAsync(point.Point, point.Repository, $"policy {point.Policy}", cancellationToken) });
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
}
