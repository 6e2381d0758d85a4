// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>What differs between two states of a disk in one repository, from their maps alone: pages with the same digest are not looked into.</summary>
public static class DiskDifference
{
    /// <summary>Lists a disk in ascending order and without gaps, neighbours of one sort joined. Memory: 32 bytes per 16 MiB of each disk, and a batch of pages.</summary>
    /// <param name="root">The disk as it is.</param>
    /// <param name="source">Gives its frames.</param>
    /// <param name="baseRoot">The disk as it was; what lies beyond its end has changed.</param>
    /// <param name="baseSource">Gives the frames of that.</param>
    /// <param name="keys">Of the repository.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException">A page or node is damaged or missing.</exception>
    public static async IAsyncEnumerable<DifferenceRange> ListAsync(
        DiskRoot root,
        IFrameSource source,
        DiskRoot baseRoot,
        IFrameSource baseSource,
        ContentKeys keys,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var fetcher = new MapFetcher(source, keys);
        using var baseFetcher = new MapFetcher(baseSource, keys);
        var pages = (await MapTree.LoadAsync(root, fetcher, static (_, _) => false, cancellationToken))[0];
        var basePages = (await MapTree.LoadAsync(baseRoot, baseFetcher, static (_, _) => false, cancellationToken))[0];
        var last = default(DifferenceRange);
        await foreach (var range in ComparePagesAsync(root, pages, fetcher, baseRoot, basePages, baseFetcher, cancellationToken))
        {
            if (last.Length > 0 && last.IsChanged == range.IsChanged && last.IsZero == range.IsZero)
            {
                last = last with { Length = last.Length + range.Length };
                continue;
            }

            if (last.Length > 0)
            {
                yield return last;
            }

            last = range;
        }

        if (last.Length > 0)
        {
            yield return last;
        }
    }

    private static async IAsyncEnumerable<DifferenceRange> ComparePagesAsync(
        DiskRoot root,
        ChunkDigest[] pages,
        MapFetcher fetcher,
        DiskRoot baseRoot,
        ChunkDigest[] basePages,
        MapFetcher baseFetcher,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var page = 0; page < pages.Length; page++)
        {
            var start = (long)page * MapGeometry.PageBytes;
            var length = MapGeometry.PageLength(page, root.DiskSize);
            var hasBase = page < basePages.Length;
            if (hasBase && pages[page] == basePages[page] && length == MapGeometry.PageLength(page, baseRoot.DiskSize))
            {
                yield return new DifferenceRange(start, length, IsZero: false, IsChanged: false);
                continue;
            }

            var entries = await EntriesAsync(fetcher, pages[page], length, cancellationToken);
            HashSet<MapEntry> before = hasBase
                ? [.. await EntriesAsync(baseFetcher, basePages[page], MapGeometry.PageLength(page, baseRoot.DiskSize), cancellationToken)]
                : [];
            foreach (var entry in entries)
            {
                yield return new DifferenceRange(start + entry.Offset, entry.Length, entry.IsZero, IsChanged: !before.Contains(entry));
            }
        }
    }

    private static async Task<List<MapEntry>> EntriesAsync(MapFetcher fetcher, ChunkDigest digest, int length, CancellationToken cancellationToken)
    {
        var entries = new List<MapEntry>();
        if (digest.IsZero)
        {
            entries.Add(new MapEntry(0, length, ChunkDigest.Zero, 0));
            return entries;
        }

        var described = 0L;
        await fetcher.FetchAsync(FrameKind.MapPage, new[] { digest }, (_, plain) => described = MapPage.Parse(plain, entries), cancellationToken);
        return described == length
            ? entries
            : throw RepositoryException.Damaged($"map page {digest}: it describes {described} bytes where {length} are due");
    }
}

/// <summary>A range of a disk, and whether it differs from the base. Of what has not changed <see cref="IsZero"/> says nothing.</summary>
public readonly record struct DifferenceRange(long Offset, long Length, bool IsZero, bool IsChanged);
