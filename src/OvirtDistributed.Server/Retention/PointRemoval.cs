// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Retention;

/// <summary>Removes restore points: from the repository, then from the catalog.</summary>
internal sealed partial class PointRemoval(IDbContextFactory<ServerDbContext> contexts, IDataMover mover, ILogger<PointRemoval> logger)
{
    /// <summary>Idempotent.</summary>
    /// <param name="point">What goes.</param>
    /// <param name="repository">Where it is.</param>
    /// <param name="why">For the log.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Why it stays; empty when it is gone.</returns>
    public async Task<string> RemoveAsync(RestorePoint point, StoredRepository repository, string why, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        if (await context.PointPins.AnyAsync(pin => pin.RepositoryId == point.RepositoryId && pin.PointId == point.Id, cancellationToken))
        {
            return $"it is pinned: ovd point unpin {point.Id}";
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
        Log.PointRemoved(logger, point.Id, point.VmName, point.Created, repository.Name, why);
        return "";
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Restore point {Point} of VM {Vm} from {Created} removed from repository {Repository}: {Why}")]
        public static partial void PointRemoved(ILogger logger, string point, string vm, DateTimeOffset created, string repository, string why);

        [LoggerMessage(LogLevel.Warning, "Restore point {Point} of VM {Vm} could not be removed from repository {Repository}: {Problem}")]
        public static partial void PointNotRemoved(ILogger logger, string point, string vm, string repository, string problem);
    }
}
