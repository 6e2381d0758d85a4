// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Database;

namespace OvirtDistributed.Server.Jobs.Verify;

/// <summary>
/// Has restore points verified before their last verification, or their creation, is too long ago: those that wait longest first, and in a day no more than a
/// share of all, so that the repositories can do their work.
/// </summary>
internal sealed partial class VerifySchedule(
    IDbContextFactory<ServerDbContext> contexts, VerifyAdmission admission, Leadership leadership, TimeProvider time, ServerOptions options, ILogger<VerifySchedule> logger)
    : BackgroundService
{
    private static readonly TimeSpan PauseAfterTry = TimeSpan.FromDays(7);

    /// <summary>Starts what is due now.</summary>
    /// <returns>The jobs.</returns>
    public async Task<IReadOnlyList<Guid>> StartDueAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var due = now - options.VerifyPointsAfter;
        var all = await context.RestorePoints.CountAsync(cancellationToken);
        var dayAgo = now - TimeSpan.FromDays(1);
        var begun = await context.Jobs.CountAsync(job => job.Kind == JobKind.Verify && job.Created > dayAgo, cancellationToken);
        var allowed = (int)Math.Ceiling(all * options.VerifyPercentPerDay / 100.0) - begun;
        if (allowed <= 0)
        {
            return [];
        }

        // One that was tried in vain waits, so that it does not take the turn of the others day by day.
        var tried = now - PauseAfterTry;
        var taken = await context.Jobs
            .Where(job => job.Kind == JobKind.Verify && (job.Outcome == JobOutcome.Running || job.Created > tried))
            .Select(job => job.PointId)
            .ToListAsync(cancellationToken);
        var points = await context.RestorePoints.AsNoTracking()
            .Where(point => (point.Verified ?? point.Created) < due && !taken.Contains(point.Id))
            .OrderBy(point => point.Verified ?? point.Created)
            .Take(allowed)
            .Select(point => point.Id)
            .ToListAsync(cancellationToken);
        var started = new List<Guid>();
        foreach (var point in points)
        {
            started.AddRange(await StartAsync(point, cancellationToken));
        }

        return started;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => options.VerifyPointsAfter > TimeSpan.Zero
        ? leadership.RunRoundsAsync(options.VerifyInterval, RoundAsync, stoppingToken)
        : Task.CompletedTask;

    private async Task<IReadOnlyList<Guid>> StartAsync(string pointId, CancellationToken cancellationToken)
    {
        try
        {
            var request = new VerifyRequest([pointId], (long)options.VerifyMaxMiBPerSecond << 20, Cluster: "", RequestId: "", Scheduled: true);
            return await admission.AdmitAsync(request, cancellationToken);
        }
        catch (OperatorException failure)
        {
            // Removed since, or no worker anywhere: the next round looks again.
            Log.NotStarted(logger, pointId, failure.Message);
            return [];
        }
    }

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        try
        {
            await StartDueAsync(cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Restore point {Point} is due for verification, which cannot start now: {Reason}")]
        public static partial void NotStarted(ILogger logger, string point, string reason);

        [LoggerMessage(LogLevel.Error, "A round of scheduled verification failed")]
        public static partial void RoundFailed(ILogger logger, Exception failure);
    }
}
