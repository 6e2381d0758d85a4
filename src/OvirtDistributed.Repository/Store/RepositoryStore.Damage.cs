// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Store;

/// <content>What known damage means for a disk.</content>
public sealed partial class RepositoryStore
{
    /// <summary>Ranges of a disk that need a frame known to be damaged; empty when none is. Finds nothing new: that is <see cref="VerifyAsync"/>.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>, <see cref="RepositoryError.Damaged"/> when the manifest is.</exception>
    public async Task<IReadOnlyList<DiskRange>> FindDamagedRangesAsync(string pointId, string diskId, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var manifest = await ReadManifestAsync(pointId, cancellationToken);
        var disk = manifest.Disks.FirstOrDefault(disk => disk.DiskId == diskId)
            ?? throw new RepositoryException(RepositoryError.NotFound, $"point {pointId} has no disk {diskId}");
        return await FindDamageAsync(disk.Root, cancellationToken);
    }
}
