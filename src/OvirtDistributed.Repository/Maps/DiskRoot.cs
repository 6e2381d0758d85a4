// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Maps;

/// <summary>The root of a disk's extent map. With the repository it proves and yields every byte of the disk.</summary>
/// <param name="Digest">The top node or, for a disk of one page, the page; <see cref="ChunkDigest.Zero"/> for a disk of zeros.</param>
/// <param name="Levels">Index levels above the pages: 0 up to 16 MiB, 1 up to 64 GiB, 2 up to 256 TiB. Follows from the size.</param>
/// <param name="DiskSize">Size of the disk in bytes.</param>
public readonly record struct DiskRoot(ChunkDigest Digest, int Levels, long DiskSize)
{
    /// <summary>Checks that levels and size belong together.</summary>
    /// <exception cref="RepositoryException">They do not.</exception>
    public void Validate()
    {
        MapGeometry.CheckSize(DiskSize);
        if (Levels != MapGeometry.LevelsOf(DiskSize))
        {
            throw RepositoryException.Invalid($"disk root {Digest}: {Levels} levels, a disk of {DiskSize} bytes has {MapGeometry.LevelsOf(DiskSize)}");
        }
    }
}
