// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Reading;

/// <summary>The digests of all pages and nodes of a disk's map: [0] are the pages, then the nodes of each level up to the root.</summary>
internal static class MapTree
{
    /// <summary>Reads all nodes. 32 bytes of memory per page of the disk.</summary>
    /// <param name="root">The map.</param>
    /// <param name="fetcher">Gives the nodes.</param>
    /// <param name="isLost">Tells of a node, by level and index, whether it is known to be unreadable; its children then look like zeros.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<ChunkDigest[][]> LoadAsync(
        Maps.DiskRoot root, MapFetcher fetcher, Func<int, long, bool> isLost, CancellationToken cancellationToken)
    {
        root.Validate();
        var levels = new ChunkDigest[root.Levels + 1][];
        levels[root.Levels] = root.DiskSize == 0 ? [] : [root.Digest];
        for (var level = root.Levels; level > 0; level--)
        {
            levels[level - 1] = new ChunkDigest[Maps.MapGeometry.CountAt(level - 1, root.DiskSize)];
            await LoadLevelAsync(root.DiskSize, level, levels[level], levels[level - 1], fetcher, isLost, cancellationToken);
        }

        return levels;
    }

    private static async Task LoadLevelAsync(
        long diskSize,
        int level,
        ChunkDigest[] nodes,
        ChunkDigest[] children,
        MapFetcher fetcher,
        Func<int, long, bool> isLost,
        CancellationToken cancellationToken)
    {
        var present = new List<int>();
        for (var i = 0; i < nodes.Length; i++)
        {
            if (!nodes[i].IsZero && !isLost(level, i))
            {
                present.Add(i);
            }
        }

        var digests = present.Select(i => nodes[i]).ToArray();
        await fetcher.FetchAsync(
            Frames.FrameKind.MapNode,
            digests,
            (position, plain) =>
            {
                var node = present[position];
                var count = Maps.MapGeometry.ChildCount(level, node, diskSize);
                Maps.MapNode.Parse(plain, level, children.AsSpan(node * Maps.MapGeometry.FanOut, count));
            },
            cancellationToken);
    }
}
