// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Retention;

/// <summary>Locks restore points. The repository keeps the lock and enforces it; the catalog only remembers, for what is shown and planned.</summary>
internal sealed class PointLocks(IDbContextFactory<ServerDbContext> contexts, IDataMover mover)
{
    /// <summary>Idempotent; never shortens a lock.</summary>
    /// <returns>The end of the lock that holds now.</returns>
    /// <exception cref="MoverException">The Data Mover's failures.</exception>
    public async Task<DateTimeOffset> LockAsync(RestorePoint point, StoredRepository repository, TimeSpan period, CancellationToken cancellationToken)
    {
        DateTimeOffset? until = (await mover.LockPointAsync(repository.Address(), point.Id, period, cancellationToken)).ToUniversalTime();
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.RestorePoints.Where(row => row.RepositoryId == point.RepositoryId && row.Id == point.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.LockedUntil, until), cancellationToken);
        return until.Value;
    }
}
