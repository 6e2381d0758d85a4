// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Retention;

/// <summary>
/// Points of a VM share most of what they hold, and so their damage: a point that was never verified is no good one to live from where it uses what
/// another one's verification found damaged. The Data Mover knows; it is asked only about VMs with a point that is known to be damaged.
/// </summary>
internal sealed partial class SharedDamage(IDataMover mover, ILogger<SharedDamage> logger)
{
    /// <summary>Which of a VM's points in one repository share known damage, from the newest on until the first that does not.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="points">All of the VM there.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Ids. What the Data Mover does not tell now counts as whole, as the catalog has it.</returns>
    public async Task<IReadOnlySet<string>> FindAsync(StoredRepository repository, IReadOnlyCollection<RestorePoint> points, CancellationToken cancellationToken)
    {
        var damaged = new HashSet<string>(StringComparer.Ordinal);
        if (points.All(point => point.Damage.Length == 0))
        {
            return damaged;
        }

        foreach (var point in points.Where(point => point.Damage.Length == 0).OrderByDescending(point => point.Created))
        {
            if (!await IsDamagedAsync(repository, point, cancellationToken))
            {
                break;
            }

            damaged.Add(point.Id);
        }

        return damaged;
    }

    private async Task<bool> IsDamagedAsync(StoredRepository repository, RestorePoint point, CancellationToken cancellationToken)
    {
        try
        {
            return await mover.HasKnownDamageAsync(repository.Address(), point.Id, cancellationToken);
        }
        catch (MoverException failure)
        {
            Log.NotAsked(logger, point.Id, repository.Name, failure.Message);
            return failure.Failure == MoverFailure.Damaged; // its manifest
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Whether restore point {Point} in repository {Repository} shares damage that another one has is not known now: {Reason}")]
        public static partial void NotAsked(ILogger logger, string point, string repository, string reason);
    }
}
