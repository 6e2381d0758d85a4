// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Maps;

/// <summary>How a disk's range is laid over pages and index nodes. Part of the format.</summary>
public static class MapGeometry
{
    /// <summary>Bytes of disk one map page describes: 16 MiB.</summary>
    public const int PageBytes = 16 << 20;

    /// <summary>Children of a full index node.</summary>
    public const int FanOut = 4096;

    /// <summary>Largest disk: 2^50 bytes.</summary>
    public const long MaxDiskSize = 1L << 50;

    /// <summary>Pages of a disk.</summary>
    public static long PageCount(long diskSize) => (diskSize + PageBytes - 1) / PageBytes;

    /// <summary>The page that holds the byte at <paramref name="offset"/>.</summary>
    public static long PageOf(long offset) => offset / PageBytes;

    /// <summary>Bytes of disk a page describes: 16 MiB, or less at the end of the disk.</summary>
    public static int PageLength(long pageIndex, long diskSize) => (int)Math.Min(PageBytes, diskSize - (pageIndex * PageBytes));

    /// <summary>Index levels above the pages.</summary>
    public static int LevelsOf(long diskSize)
    {
        var levels = 0;
        for (var count = PageCount(diskSize); count > 1; count = (count + FanOut - 1) / FanOut)
        {
            levels++;
        }

        return levels;
    }

    /// <summary>Nodes of one level; level 0 are the pages.</summary>
    public static long CountAt(int level, long diskSize)
    {
        var count = PageCount(diskSize);
        for (var i = 0; i < level; i++)
        {
            count = (count + FanOut - 1) / FanOut;
        }

        return count;
    }

    /// <summary>Children of one node.</summary>
    public static int ChildCount(int level, long nodeIndex, long diskSize) =>
        (int)Math.Min(FanOut, CountAt(level - 1, diskSize) - (nodeIndex * FanOut));

    internal static void CheckSize(long diskSize)
    {
        if (diskSize is < 0 or > MaxDiskSize)
        {
            throw RepositoryException.Invalid($"disk size: {diskSize}, must be between 0 and {MaxDiskSize}");
        }
    }
}
