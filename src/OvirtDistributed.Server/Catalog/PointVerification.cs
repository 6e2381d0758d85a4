// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Has restore points verified and remembers what came out: retention does not count a damaged point as one to live from.</summary>
internal sealed class PointVerification(IDbContextFactory<ServerDbContext> contexts, IDataMover mover, TimeProvider time)
{
    private const int LongestDamage = 500;

    /// <exception cref="MoverException">The Data Mover's failures. Damage is no failure but a result.</exception>
    public async Task<VerifyPointResponse> VerifyAsync(RestorePoint point, StoredRepository repository, Action<long>? progress, CancellationToken cancellationToken)
    {
        var result = await mover.VerifyPointAsync(repository.Address(), point.Id, progress, cancellationToken);
        var damage = result.Healthy ? "" : $"{result.Damaged.Count} damaged objects, the first: {result.Damaged.FirstOrDefault()?.Problem}";
        damage = Shorten(damage);
        var now = time.GetUtcNow();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.RestorePoints.Where(row => row.RepositoryId == point.RepositoryId && row.Id == point.Id).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Verified, now).SetProperty(row => row.Damage, damage), cancellationToken);
        return result;
    }

    /// <summary>Remembers what a job found of its point, with the job's step; nothing when the point is gone.</summary>
    /// <param name="context">Saved by the caller.</param>
    /// <param name="job">Whose point it is.</param>
    /// <param name="damage">What is wrong; empty when nothing is.</param>
    /// <param name="now">When it was verified.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task RecordAsync(ServerDbContext context, Job job, string damage, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (await context.RestorePoints.FirstOrDefaultAsync(row => row.RepositoryId == job.RepositoryId && row.Id == job.PointId, cancellationToken) is { } point)
        {
            point.Verified = now;
            point.Damage = Shorten(damage);
        }
    }

    private static string Shorten(string damage) => damage[..Math.Min(damage.Length, LongestDamage)];
}
