// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Store.Rewriting;

namespace OvirtDistributed.Repository.Store;

/// <content>Which ranges a backup should write anew (DESIGN.md, partly used chunks).</content>
public sealed partial class RepositoryStore
{
    /// <summary>Never a reason to refuse a backup: what is damaged is healed by this one, and looked at for the next.</summary>
    private async Task<IReadOnlyList<DiskRange>> FindRewritesAsync(ManifestDisk disk, CancellationToken cancellationToken)
    {
        var options = _context.Packs.Options.Rewriting;
        if (options.IsOff)
        {
            return [];
        }

        var before = await FindEarlierMapAsync(disk, options.LookBack, cancellationToken);
        try
        {
            using var planner = new RewritePlanner(_state.Index, _context.Reader, Keys, options);
            var ranges = await planner.PlanAsync(disk.Root, before, cancellationToken);
            Log.RewritesPlanned(_logger, disk.DiskId, planner.PagesSeen, ranges.Count, ranges.Sum(range => range.Length));
            return ranges;
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.MissingFrames or RepositoryError.InvalidArgument)
        {
            Log.RewritesNotPlanned(_logger, disk.DiskId, failure.Message);
            return [];
        }
    }

    /// <summary>
    /// The map of the same disk some points earlier, or of the last full backup if that is later: it was cut afresh as a whole. Null when the chain
    /// ends with a point that is gone.
    /// </summary>
    private async Task<DiskRoot?> FindEarlierMapAsync(ManifestDisk disk, int lookBack, CancellationToken cancellationToken)
    {
        DiskRoot? before = null;
        for (var current = disk; lookBack >= 0; lookBack--)
        {
            if (current.BasePointId is not { } basePoint)
            {
                return current.Root;
            }

            if (lookBack == 0 || await FindDiskAsync(basePoint, current.DiskId, cancellationToken) is not { } next)
            {
                break;
            }

            (current, before) = (next, next.Root);
        }

        return before;
    }

    private async Task<ManifestDisk?> FindDiskAsync(string pointId, string diskId, CancellationToken cancellationToken)
    {
        try
        {
            return (await ReadManifestAsync(pointId, cancellationToken)).Disks.FirstOrDefault(disk => disk.DiskId == diskId);
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.NotFound or RepositoryError.Damaged or RepositoryError.NewerFormat)
        {
            return null;
        }
    }
}
