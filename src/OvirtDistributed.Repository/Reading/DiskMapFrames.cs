// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>The names of all pages and nodes of a disk's map: what a replica needs beside the chunks. Memory: 32 bytes per 16 MiB of the disk.</summary>
public sealed class DiskMapFrames
{
    private readonly ChunkDigest[][] _levels;

    private DiskMapFrames(DiskRoot root, ChunkDigest[][] levels)
    {
        Root = root;
        _levels = levels;
    }

    public DiskRoot Root { get; }

    /// <summary>The pages in the order of the disk; the reserved digest for one of zeros.</summary>
    public IReadOnlyList<ChunkDigest> Pages => _levels[0];

    /// <summary>The nodes above the pages, lower levels first; none of them is the reserved digest.</summary>
    public IEnumerable<ChunkDigest> Nodes => _levels.Skip(1).SelectMany(level => level).Where(digest => !digest.IsZero).Distinct();

    /// <summary>Reads the nodes.</summary>
    /// <exception cref="RepositoryException">A node is damaged or missing.</exception>
    public static async Task<DiskMapFrames> LoadAsync(DiskRoot root, IFrameSource source, ContentKeys keys, CancellationToken cancellationToken)
    {
        using var fetcher = new MapFetcher(source, keys);
        return new DiskMapFrames(root, await MapTree.LoadAsync(root, fetcher, static (_, _) => false, cancellationToken));
    }

    /// <summary>Proves the frame of a page and reads its entries.</summary>
    /// <param name="page">Its number.</param>
    /// <param name="frame">As stored.</param>
    /// <param name="decoder">Of the caller's thread.</param>
    /// <exception cref="RepositoryException">It is not that page.</exception>
    public List<MapEntry> ReadPage(int page, ReadOnlySpan<byte> frame, FrameDecoder decoder)
    {
        var plain = new byte[FrameHeader.Read(frame).PlainLength];
        decoder.Decode(frame, Pages[page], FrameKind.MapPage, plain);
        var entries = new List<MapEntry>();
        var expected = MapGeometry.PageLength(page, Root.DiskSize);
        return MapPage.Parse(plain, entries) == expected
            ? entries
            : throw RepositoryException.Damaged($"map page {Pages[page]}: it does not describe the {expected} bytes that are due");
    }

    /// <summary>True when a page stands at the same place in another map and describes as much there.</summary>
    public bool Shares(int page, DiskMapFrames other) =>
        page < other.Pages.Count && Pages[page] == other.Pages[page] && MapGeometry.PageLength(page, Root.DiskSize) == MapGeometry.PageLength(page, other.Root.DiskSize);
}
