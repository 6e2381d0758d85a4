// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Reads a disk image from its root. Every byte handed out was proven by digests up to the root (invariant 5).</summary>
/// <remarks>Safe for concurrent reads; each has buffers of its own.</remarks>
public sealed class DiskImageReader
{
    private readonly DiskRoot _root;
    private readonly IFrameSource _source;
    private readonly ContentKeys _keys;
    private readonly DiskImageReaderOptions _options;
    private readonly IImageRescue? _rescue;

    /// <param name="root">Proves the disk.</param>
    /// <param name="source">Gives its frames.</param>
    /// <param name="keys">Of the repository.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="rescue">Gives what the source cannot; null = then the read fails.</param>
    /// <exception cref="RepositoryException">Root or options are out of range.</exception>
    public DiskImageReader(DiskRoot root, IFrameSource source, ContentKeys keys, DiskImageReaderOptions options, IImageRescue? rescue = null)
    {
        root.Validate();
        if (options.SegmentBytes is < 4096 or > 64 << 20 || options.ReadAhead is < 1 or > 256)
        {
            throw RepositoryException.Invalid($"reader options: segment {options.SegmentBytes} (4 KiB to 64 MiB), read-ahead {options.ReadAhead} (1 to 256)");
        }

        _root = root;
        _source = source;
        _keys = keys;
        _options = options;
        _rescue = rescue;
    }

    /// <summary>Hands out a range in ascending order and without gaps: data and zero extents that together cover it exactly.</summary>
    /// <param name="range">Within the disk.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <remarks>The consumer disposes each extent; as long as it holds <see cref="DiskImageReaderOptions.ReadAhead"/> of them the reader waits.</remarks>
    public async IAsyncEnumerable<ImageExtent> ReadAsync(DiskRange range, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var run = new ImageReadRun(_source, _keys, _options, _rescue, cancellationToken);
        run.Start(token => WalkAsync(range, token));
        await foreach (var extent in run.ExtentsAsync())
        {
            yield return extent;
        }
    }

    /// <summary>The layout of a range, from the map alone: data and zero ranges, ascending, neighbours of one sort joined.</summary>
    public async IAsyncEnumerable<ImageRange> ListRangesAsync(DiskRange range, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var last = default(ImageRange);
        await foreach (var piece in WalkAsync(range, cancellationToken))
        {
            if (last.Length > 0 && last.IsZero == piece.IsZero)
            {
                last = last with { Length = last.Length + piece.Length };
                continue;
            }

            if (last.Length > 0)
            {
                yield return last;
            }

            last = new ImageRange(piece.Offset, piece.Length, piece.IsZero);
        }

        if (last.Length > 0)
        {
            yield return last;
        }
    }

    /// <summary>Where a range of the disk uses a chunk, ascending.</summary>
    /// <exception cref="RepositoryException">A page or node of the map cannot be read.</exception>
    public async Task<IReadOnlyList<ChunkPlace>> FindPlacesAsync(ChunkDigest digest, DiskRange range, CancellationToken cancellationToken)
    {
        var places = new List<ChunkPlace>();
        await foreach (var piece in WalkAsync(range, cancellationToken))
        {
            if (!piece.IsZero && piece.Digest == digest)
            {
                places.Add(new ChunkPlace(new DiskRange(piece.Offset, piece.Length), piece.ChunkOffset));
            }
        }

        return places;
    }

    /// <summary>The map entries of a range, clipped to it, ascending and without gaps.</summary>
    private async IAsyncEnumerable<ImagePiece> WalkAsync(DiskRange range, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (range.Offset < 0 || range.Length < 0 || range.Offset > _root.DiskSize - range.Length)
        {
            throw RepositoryException.Invalid($"disk range {range.Offset}+{range.Length}: outside the disk of {_root.DiskSize} bytes");
        }

        using var walker = new MapWalker(_root, _source, _keys, _rescue);
        await foreach (var piece in walker.WalkAsync(range, cancellationToken))
        {
            yield return piece;
        }
    }
}
