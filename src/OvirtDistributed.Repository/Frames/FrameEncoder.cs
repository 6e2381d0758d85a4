// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Repository.Frames;

/// <summary>
/// Turns plain content into frames; in an encrypted repository chunks and metadata are encrypted under a key of this encoder's own. Holds one
/// native compression context: one per thread, disposed by its owner.
/// </summary>
public sealed class FrameEncoder : IDisposable
{
    private readonly CompressionProfile _profile;
    private readonly ZstdContext? _zstd;
    private readonly FrameSealer? _sealer;

    /// <param name="profile">How to compress.</param>
    /// <param name="keys">The repository's: with a key, or plain.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: the repository is encrypted and the key is not there.</exception>
    public FrameEncoder(CompressionProfile profile, ContentKeys keys)
    {
        _profile = profile;
        _sealer = keys.IsEncrypted ? new FrameSealer(keys) : null;
        _zstd = profile is CompressionProfile.Default or CompressionProfile.Dense ? ZstdContext.ForCompression() : null;
    }

    /// <summary>The room <see cref="Encode"/> needs for this much plain content, whatever it holds.</summary>
    public static int MaxEncodedLength(int plainLength) => FrameHeader.Size + Math.Max(Zstd.Bound(plainLength), Lz4.Bound(plainLength)) + FrameSealer.TagLength;

    /// <summary>Writes one frame.</summary>
    /// <param name="kind">What the content is.</param>
    /// <param name="digest">Its digest, computed with the same kind and keys; not checked here.</param>
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
        var header = new FrameHeader
        {
            Kind = kind,
            Compression = compression,
            PlainLength = plain.Length,
            StoredLength = stored,
            Digest = digest,
            PayloadCrc = 0,
        };
        var source = compression == FrameCompression.None ? plain : payload[..stored];
        header = Store(header, source, destination);
        header = header with { PayloadCrc = Crc32C.Compute(payload[..header.StoredLength]) };
        header.Write(destination);
        return header.FrameLength;
    }

    public void Dispose()
    {
        _zstd?.Dispose();
        _sealer?.Dispose();
    }

    // Maps stay readable: a Data Mover must follow them to know what is in use. Their digests are keyed and tell nothing.
    private FrameHeader Store(in FrameHeader header, ReadOnlySpan<byte> source, Span<byte> destination)
    {
        var payload = destination[FrameHeader.Size..];
        if (_sealer is not null && header.Kind is (FrameKind.Chunk or FrameKind.Metadata))
        {
            var encrypted = _sealer.Next(header);
            encrypted.Write(destination);
            _sealer.Seal(encrypted, destination, source, payload);
            return encrypted;
        }

        if (header.Compression == FrameCompression.None)
        {
            source.CopyTo(payload);
        }

        return header;
    }

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
