// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs.Copy;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Knows where else the same disks of the same moment are: the copies of a point, what it is a copy of, and the other copies of that.</summary>
internal static class PointCopies
{
    /// <summary>All of them, those first that are most likely to be readable.</summary>
    public static async Task<IReadOnlyList<LocatedPoint>> FindAsync(ServerDbContext context, Guid repositoryId, string pointId, CancellationToken cancellationToken)
    {
        var point = await context.RestorePoints.AsNoTracking().FirstOrDefaultAsync(row => row.RepositoryId == repositoryId && row.Id == pointId, cancellationToken);
        if (point is null)
        {
            return [];
        }

        // A copy keeps the moment of the original, and of a VM there is one backup at a time.
        var candidates = await context.RestorePoints.AsNoTracking()
            .Where(row => row.ManagerId == point.ManagerId && row.VmId == point.VmId && row.Created == point.Created && row.RepositoryId != repositoryId)
            .ToListAsync(cancellationToken);
        var ids = candidates.Select(candidate => candidate.RepositoryId).ToList();
        var repositories = await context.Repositories.AsNoTracking().Where(row => ids.Contains(row.Id)).ToDictionaryAsync(row => row.Id, cancellationToken);
        return
        [
            .. Relatives(point, candidates)
                .Where(relative => repositories.ContainsKey(relative.RepositoryId))
                .Select(relative => new LocatedPoint(relative, repositories[relative.RepositoryId]))
                .OrderBy(found => found.Repository.Condition)
                .ThenBy(found => found.Point.Damage.Length > 0)
                .ThenByDescending(found => found.Point.Verified)
                .ThenBy(found => found.Repository.Name, StringComparer.Ordinal),
        ];
    }

    private static List<RestorePoint> Relatives(RestorePoint point, List<RestorePoint> candidates)
    {
        var family = new List<RestorePoint> { point };
        for (var i = 0; i < family.Count; i++)
        {
            var member = family[i];
            family.AddRange(candidates.Where(candidate => !family.Contains(candidate) && AreRelated(member, candidate)).ToList());
        }

        return family[1..];
    }

    private static bool AreRelated(RestorePoint one, RestorePoint other) =>
        IsCopy(one, other) || IsCopy(other, one) || (one.CopyOf.Length > 0 && one.CopyOf == other.CopyOf);

    // The id of a copy follows from that of its original, so this also holds for copies that were listed before their origin was written down.
    private static bool IsCopy(RestorePoint copy, RestorePoint original) =>
        copy.CopyOf == original.Id || copy.Id == CopyDetails.PointIdOf(original.Id, copy.RepositoryId);
}

/// <summary>A restore point and the repository it is in.</summary>
internal sealed record LocatedPoint(RestorePoint Point, StoredRepository Repository);
