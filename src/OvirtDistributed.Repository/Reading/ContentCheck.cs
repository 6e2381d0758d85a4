// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Reading;

/// <summary>Looks at the chunks of a range one by one: which of them cannot be had, and which hold and have other content than their digest says. The last only who has the key of an encrypted repository can tell.</summary>
public static class ContentCheck
{
    /// <summary>Reads the chunks of a range, each by itself, past those that are lost.</summary>
    /// <param name="root">The disk.</param>
    /// <param name="source">Gives its frames; goes on after one that it cannot give.</param>
    /// <param name="keys">Of the repository, able to read it.</param>
    /// <param name="range">Small: a map page's.</param>
    /// <param name="isDamage">Whether a failure of the source means that the frame is damaged or lost.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RepositoryException">The map itself cannot be read, or the source not reached.</exception>
    public static async Task<ContentFindings> ExamineAsync(
        DiskRoot root, IFrameSource source, ContentKeys keys, DiskRange range, Func<RepositoryException, bool> isDamage, CancellationToken cancellationToken)
    {
        var pieces = new List<ImagePiece>();
        using (var walker = new MapWalker(root, source, keys))
        {
            await foreach (var piece in walker.WalkAsync(range, cancellationToken))
            {
                pieces.Add(piece);
            }
        }

        var findings = new ContentFindings();
        var judged = new Dictionary<ChunkDigest, bool>();
        using var decoder = new FrameDecoder(keys);
        foreach (var piece in pieces.Where(piece => !piece.IsZero))
        {
            if (!judged.TryGetValue(piece.Digest, out var isBad))
            {
                isBad = await IsBadAsync(piece.Digest, source, decoder, findings, isDamage, cancellationToken);
                judged.Add(piece.Digest, isBad);
            }

            if (isBad)
            {
                findings.Add(piece.Offset, piece.Length);
            }
        }

        return findings;
    }

    private static async Task<bool> IsBadAsync(
        ChunkDigest chunk, IFrameSource source, FrameDecoder decoder, ContentFindings findings, Func<RepositoryException, bool> isDamage, CancellationToken cancellationToken)
    {
        try
        {
            using var batch = await source.FetchAsync(new[] { chunk }, cancellationToken);
            if (Holds(batch[0].Span, chunk, decoder))
            {
                return false;
            }

            findings.BadContent.Add(chunk);
            return true;
        }
        catch (RepositoryException failure) when (isDamage(failure))
        {
            return true; // whoever serves it knows already
        }
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
