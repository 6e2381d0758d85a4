// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Repositories;

namespace OvirtDistributed.Server.Catalog;

/// <summary>Where else a disk of a restore point can be read.</summary>
internal static class DiskCopies
{
    /// <summary>The disk in the copies of a point, those first that are most likely to be readable. A copy whose key is not here is none.</summary>
    public static async Task<IReadOnlyList<DiskCopySource>> FindAsync(
        ServerDbContext context, RepositoryKeys keys, Guid repositoryId, string pointId, Guid diskId, CancellationToken cancellationToken)
    {
        var copies = new List<DiskCopySource>();
        foreach (var (point, repository) in await PointCopies.FindAsync(context, repositoryId, pointId, cancellationToken))
        {
            if (point.Disks.FirstOrDefault(disk => disk.Id == diskId) is not { } disk)
            {
                continue;
            }

            try
            {
                copies.Add(new DiskCopySource(repository.Name, repository.Address(), await keys.RequireKeyAsync(repository, cancellationToken), point.Id, disk));
            }
            catch (MoverException failure) when (failure.Failure == MoverFailure.KeyMissing)
            {
                // The others, and the point's own repository, may do.
            }
        }

        return copies;
    }
}

/// <summary>The same disk in another repository.</summary>
internal sealed record DiskCopySource(string Repository, MoverAddress Mover, RepositoryKey? Key, string PointId, RestorePointDisk Disk)
{
    public override string ToString() => $"DiskCopySource {Mover}";
}
