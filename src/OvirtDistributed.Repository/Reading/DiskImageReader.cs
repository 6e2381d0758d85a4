// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Reads a disk image from its root. Every byte handed out was proven by digests up to the root (invariant 5).</summary>
public sealed partial class DiskImageReader
{
    public DiskImageReader(DiskRoot root, IFrameSource source, ChunkHasher hasher, DiskImageReaderOptions options) => throw new NotSupportedException("not landed yet");

    /// <summary>Hands out a range in ascending order and without gaps: data and zero extents that together cover it exactly.</summary>
    /// <param name="range">Within the disk.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <remarks>The consumer disposes each extent; as long as it holds <see cref="DiskImageReaderOptions.ReadAhead"/> of them the reader waits.</remarks>
    public IAsyncEnumerable<ImageExtent> ReadAsync(DiskRange range, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>The layout of a range, from the map alone: data and zero ranges, ascending, neighbours of one sort joined.</summary>
    public IAsyncEnumerable<ImageRange> ListRangesAsync(DiskRange range, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");
}
