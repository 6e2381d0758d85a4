// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;

namespace OvirtDistributed.Repository.Store;

/// <summary>Packs a metadata blob for a commit.</summary>
/// <param name="Blob">Goes into the manifest.</param>
/// <param name="Frame">Goes beside it into the <see cref="CommitRequest"/>.</param>
public sealed record MetadataFrame(ManifestBlob Blob, ReadOnlyMemory<byte> Frame)
{
    /// <summary>Makes digest, blob entry and frame of a blob of 1 byte to 4 MiB.</summary>
    public static MetadataFrame Create(string name, string? contentType, ReadOnlySpan<byte> content, ContentKeys keys)
    {
        var digest = keys.Compute(FrameKind.Metadata, content);
        using var encoder = new FrameEncoder(CompressionProfile.Dense, keys);
        var frame = new byte[FrameEncoder.MaxEncodedLength(content.Length)];
        var length = encoder.Encode(FrameKind.Metadata, digest, content, frame);
        var blob = new ManifestBlob { Name = name, ContentType = contentType, Digest = digest, Length = content.Length };
        return new MetadataFrame(blob, frame.AsMemory(0, length));
    }

    /// <summary>The content of a blob, proven.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.Damaged"/>, <see cref="RepositoryError.KeyRequired"/>.</exception>
    public static byte[] Read(ManifestBlob blob, ReadOnlySpan<byte> frame, ContentKeys keys)
    {
        using var decoder = new FrameDecoder(keys);
        var content = new byte[FrameHeader.Read(frame).PlainLength];
        decoder.Decode(frame, blob.Digest, FrameKind.Metadata, content);
        return content;
    }
}
