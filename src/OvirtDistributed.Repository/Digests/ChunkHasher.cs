// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Digests;

/// <summary>Names content: SHA-256 of the plain bytes, or HMAC-SHA-256 where the repository has a digest key. Thread-safe.</summary>
/// <remarks>
/// The kind is mixed into the first byte, so a guest that writes the bytes of a map page onto its disk cannot make a chunk
/// that is mistaken for the page (DESIGN.md, digests).
/// </remarks>
public sealed class ChunkHasher
{
    private readonly byte[]? _key;

    /// <param name="key">The repository's digest key, or empty for plain SHA-256.</param>
    public ChunkHasher(ReadOnlySpan<byte> key)
    {
        _key = key.IsEmpty ? null : key.ToArray();
    }

    /// <summary>Plain SHA-256: a repository without encryption.</summary>
    public static ChunkHasher Unkeyed { get; } = new([]);

    /// <summary>The digest of <paramref name="plain"/> as a frame of <paramref name="kind"/>.</summary>
    public ChunkDigest Compute(FrameKind kind, ReadOnlySpan<byte> plain)
    {
        Span<byte> hash = stackalloc byte[ChunkDigest.Size];
        if (_key is null)
        {
            SHA256.HashData(plain, hash);
        }
        else
        {
            HMACSHA256.HashData(_key, plain, hash);
        }

        hash[0] ^= KindTag(kind);
        return new ChunkDigest(hash);
    }

    // Chunks keep the bare hash: `sha256sum` of a piece of the disk finds it.
    private static byte KindTag(FrameKind kind) => kind == FrameKind.Chunk ? (byte)0 : (byte)(0x50 + (byte)kind);
}
