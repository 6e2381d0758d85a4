// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Frames;

/// <summary>Turns plain content into frames. Holds one native compression context: one per thread, disposed by its owner.</summary>
public sealed class FrameEncoder : IDisposable
{
    private readonly CompressionProfile _profile;
    private readonly ZstdContext? _zstd;

    public FrameEncoder(CompressionProfile profile)
    {
        _profile = profile;
        _zstd = profile is CompressionProfile.Default or CompressionProfile.Dense ? ZstdContext.ForCompression() : null;
    }

    /// <summary>The room <see cref="Encode"/> needs for this much plain content, whatever it holds.</summary>
    public static int MaxEncodedLength(int plainLength) => FrameHeader.Size + Math.Max(Zstd.Bound(plainLength), Lz4.Bound(plainLength)) + 16;

    /// <summary>Writes one frame.</summary>
    /// <param name="kind">What the content is.</param>
    /// <param name="digest">Its digest, computed with the same kind by <see cref="ChunkHasher"/>; not checked here.</param>
    /// <param name="plain">1 to <see cref="FrameHeader.MaxPlainLength"/> bytes.</param>
    /// <param name="destination">At least <see cref="MaxEncodedLength"/> bytes.</param>
    /// <returns>The length of the frame.</returns>
    public int Encode(FrameKind kind, in ChunkDigest digest, ReadOnlySpan<byte> plain, Span<byte> destination)
    {
        if (plain.Length is 0 or > FrameHeader.MaxPlainLength)
        {
            throw RepositoryException.Invalid($"frame: {plain.Length} bytes of content, 1 to {FrameHeader.MaxPlainLength} fit");
        }

        var payload = destination[FrameHeader.Size..];
        var (compression, stored) = Compress(plain, payload);
        if (compression == FrameCompression.None)
        {
            plain.CopyTo(payload);
        }

        var header = new FrameHeader
        {
            Kind = kind,
            Compression = compression,
            PlainLength = plain.Length,
            StoredLength = stored,
            Digest = digest,
            PayloadCrc = Crc32C.Compute(payload[..stored]),
        };
        header.Write(destination);
        return header.FrameLength;
    }

    public void Dispose() => _zstd?.Dispose();

    private (FrameCompression Compression, int Length) Compress(ReadOnlySpan<byte> plain, Span<byte> payload)
    {
        // Less than 3 % is not worth the reader's time.
        var worthwhile = plain.Length - Math.Max(plain.Length / 32, 1);
        var (compression, length) = _profile switch
        {
            CompressionProfile.Fast => (FrameCompression.Lz4, Lz4.Compress(plain, payload, plain.Length, payload.Length)),
            CompressionProfile.Stored => (FrameCompression.None, 0),
            _ => (FrameCompression.Zstd, CompressZstd(plain, payload)),
        };

        return length > 0 && length <= worthwhile ? (compression, length) : (FrameCompression.None, plain.Length);
    }

    private int CompressZstd(ReadOnlySpan<byte> plain, Span<byte> payload)
    {
        var level = _profile == CompressionProfile.Dense ? 3 : 1;
        var length = Zstd.Compress(_zstd!, payload, (nuint)payload.Length, plain, (nuint)plain.Length, level);
        return Zstd.IsError(length) != 0 ? 0 : (int)length;
    }
}
