// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;

namespace OvirtDistributed.Repository.Frames;

/// <summary>Turns frames back into content and proves it. Holds one native context: one per thread, disposed by its owner.</summary>
public sealed class FrameDecoder : IDisposable
{
    private readonly ContentKeys _keys;
    private readonly FrameOpener _opener;
    private readonly ZstdContext _zstd = ZstdContext.ForDecompression();

    /// <param name="keys">The repository's: where they can prove, what is decoded is checked against the frame's digest.</param>
    public FrameDecoder(ContentKeys keys)
    {
        _keys = keys;
        _opener = new FrameOpener(keys);
    }

    /// <summary>The keys it was made with.</summary>
    public ContentKeys Keys => _keys;

    /// <summary>Checks the checksums of a frame without decoding it.</summary>
    /// <exception cref="RepositoryException">The frame is damaged or cut short; the message says where.</exception>
    public static FrameHeader CheckIntegrity(ReadOnlySpan<byte> frame)
    {
        var header = FrameHeader.Read(frame);
        if (frame.Length < header.FrameLength)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: {frame.Length} bytes at hand, {header.FrameLength} announced");
        }

        if (Crc32C.Compute(frame.Slice(FrameHeader.Size, header.StoredLength)) != header.PayloadCrc)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: the checksum of its payload does not hold");
        }

        return header;
    }

    /// <summary>Decodes one frame and compares the content with its digest (invariant 5).</summary>
    /// <param name="frame">Starts with the header; bytes behind the payload are ignored.</param>
    /// <param name="expected">The digest asked for: a valid frame of other content is refused.</param>
    /// <param name="kind">The kind asked for.</param>
    /// <param name="destination">At least the plain length of the frame, see <see cref="FrameHeader"/>.</param>
    /// <returns>Bytes written.</returns>
    /// <exception cref="RepositoryException">The frame is damaged, is another one, or needs a key.</exception>
    public int Decode(ReadOnlySpan<byte> frame, in ChunkDigest expected, FrameKind kind, Span<byte> destination)
    {
        var header = CheckIntegrity(frame);
        if (header.Digest != expected || header.Kind != kind)
        {
            throw RepositoryException.Damaged($"frame: {kind} {expected} was asked for, {header.Kind} {header.Digest} came");
        }

        try
        {
            DecodePayload(header, frame, destination);
            if (_keys.CanProve && _keys.Compute(kind, destination[..header.PlainLength]) != expected)
            {
                throw RepositoryException.Damaged($"frame {expected}: its content has another digest");
            }
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            // What was stored came back as it was: it is the writer, or the key, that was wrong.
            throw new RepositoryException(failure.Error, failure.Message, failure.InnerException) { BadContent = expected };
        }

        return header.PlainLength;
    }

    public void Dispose()
    {
        _zstd.Dispose();
        _opener.Dispose();
    }

    private void DecodePayload(in FrameHeader header, ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        var payload = frame.Slice(FrameHeader.Size, header.StoredLength);
        if (header.Flags.HasFlag(FrameFlags.Encrypted))
        {
            payload = _opener.Open(header, frame, payload);
        }
        else if (_keys.IsEncrypted && header.Kind is (FrameKind.Chunk or FrameKind.Metadata))
        {
            // Else who can write to the storage could slip in content without the key; the digest would tell, but only who can prove it.
            throw RepositoryException.Damaged($"frame {header.Digest}: it is not encrypted, in a repository that is");
        }

        if (destination.Length < header.PlainLength)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: {header.PlainLength} bytes of content where {destination.Length} are possible");
        }

        var plain = destination[..header.PlainLength];
        var length = Decompress(header.Compression, payload, plain);
        if (length != plain.Length)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: {header.Compression} gave {length} bytes, {plain.Length} announced");
        }
    }

    /// <summary>Bytes written, or -1 for a malformed payload.</summary>
    private long Decompress(FrameCompression compression, ReadOnlySpan<byte> payload, Span<byte> plain)
    {
        switch (compression)
        {
            case FrameCompression.Zstd:
                var length = Zstd.Decompress(_zstd, plain, (nuint)plain.Length, payload, (nuint)payload.Length);
                return Zstd.IsError(length) != 0 ? -1 : (long)length;
            case FrameCompression.Lz4:
                return Lz4.Decompress(payload, plain, payload.Length, plain.Length);
            default:
                if (payload.Length == plain.Length)
                {
                    payload.CopyTo(plain);
                }

                return payload.Length;
        }
    }
}
