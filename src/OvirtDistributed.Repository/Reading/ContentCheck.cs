// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Finds chunks whose frames hold and whose content is not what their digest says: only who has the key of an encrypted repository can tell.</summary>
public static class ContentCheck
{
    /// <summary>Reads the chunks of a range one by one.</summary>
    /// <param name="root">The disk.</param>
    /// <param name="source">Gives its frames.</param>
    /// <param name="keys">Of the repository, able to read it.</param>
    /// <param name="range">Small: a map page's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Their digests. What comes behind a frame that cannot be had at all was not looked at.</returns>
    /// <exception cref="RepositoryException">The map itself cannot be read.</exception>
    public static async Task<IReadOnlyList<ChunkDigest>> FindBadAsync(
        DiskRoot root, IFrameSource source, ContentKeys keys, DiskRange range, CancellationToken cancellationToken)
    {
        var chunks = new List<ChunkDigest>();
        var seen = new HashSet<ChunkDigest>();
        using (var walker = new MapWalker(root, source, keys))
        {
            await foreach (var piece in walker.WalkAsync(range, cancellationToken))
            {
                if (!piece.IsZero && seen.Add(piece.Digest))
                {
                    chunks.Add(piece.Digest);
                }
            }
        }

        var bad = new List<ChunkDigest>();
        using var decoder = new FrameDecoder(keys);
        foreach (var chunk in chunks)
        {
            try
            {
                using var batch = await source.FetchAsync(new[] { chunk }, cancellationToken);
                if (!Holds(batch[0].Span, chunk, decoder))
                {
                    bad.Add(chunk);
                }
            }
            catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.MissingFrames)
            {
                break; // whoever serves it knows already
            }
        }

        return bad;
    }

    /// <summary>False only when checksums hold and content does not: what came damaged over the wire is nobody's fault here.</summary>
    internal static bool Holds(ReadOnlySpan<byte> frame, in ChunkDigest chunk, FrameDecoder decoder)
    {
        var plain = ArrayPool<byte>.Shared.Rent(FrameHeader.MaxPlainLength);
        try
        {
            FrameDecoder.CheckIntegrity(frame);
            decoder.Decode(frame, chunk, FrameKind.Chunk, plain);
            return true;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            return failure.BadContent.IsZero;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(plain);
        }
    }
}
