// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>What a party can do with the content of a repository: name it, encrypt and decrypt it, prove manifests. Thread-safe.</summary>
/// <remarks>
/// Three sorts: <see cref="Plain"/> for a repository without encryption; <see cref="Of"/> for who holds the key of an encrypted one;
/// <see cref="Opaque"/> for a Data Mover of an encrypted one, which proves checksums and structure and can do no more.
/// </remarks>
public sealed class ContentKeys
{
    private readonly RepositoryKey? _key;
    private readonly ChunkHasher? _hasher;
    private readonly byte[] _manifestKey = [];

    private ContentKeys(RepositoryKey? key, ChunkHasher? hasher, bool isEncrypted)
    {
        _key = key;
        _hasher = hasher;
        IsEncrypted = isEncrypted;
        if (key is not null)
        {
            _manifestKey = key.Derive("manifest authentication");
            DetailsKey = key.Derive("manifest details");
        }
    }

    /// <summary>A repository without encryption: SHA-256, nothing secret.</summary>
    public static ContentKeys Plain { get; } = new(null, ChunkHasher.Unkeyed, isEncrypted: false);

    /// <summary>An encrypted repository, for a party that does not have the key.</summary>
    public static ContentKeys Opaque { get; } = new(null, null, isEncrypted: true);

    /// <summary>True for a repository whose chunks and metadata are encrypted.</summary>
    public bool IsEncrypted { get; }

    /// <summary>True when content can be compared with its digest.</summary>
    public bool CanProve => _hasher is not null;

    /// <summary>True when encrypted content can be read and written.</summary>
    public bool HasKey => _key is not null;

    internal byte[]? DetailsKey { get; }

    /// <summary>An encrypted repository, with its key.</summary>
    public static ContentKeys Of(RepositoryKey key) => new(key, new ChunkHasher(key.Derive("digest")), isEncrypted: true);

    /// <summary>What fits the parameters: <see cref="Plain"/>, or <see cref="Of"/> the key.</summary>
    /// <param name="encryption">From repo.json; null without encryption.</param>
    /// <param name="key">Null where there is none.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: no key, or another one.</exception>
    public static ContentKeys For(EncryptionParameters? encryption, RepositoryKey? key)
    {
        if (encryption is null)
        {
            return Plain;
        }

        if (key is null)
        {
            throw new RepositoryException(RepositoryError.KeyRequired, $"the repository is encrypted and its key (key set {encryption.KeySetId}) is not at hand");
        }

        key.RequireFits(encryption);
        return Of(key);
    }

    /// <summary>The digest of content as a frame of a kind.</summary>
    /// <exception cref="InvalidOperationException">Without the key of an encrypted repository nothing can be named.</exception>
    public ChunkDigest Compute(FrameKind kind, ReadOnlySpan<byte> plain) =>
        (_hasher ?? throw new InvalidOperationException("Digests of an encrypted repository need its key.")).Compute(kind, plain);

    /// <summary>How disks are cut: the salt of an encrypted repository comes from its key, so that storage never sees it.</summary>
    public ChunkerParameters Chunker(ChunkerParameters stored) => _key is null ? stored : stored with { Salt = _key.Derive("cut salt") };

    /// <summary>The authentication code of a text object, 32 bytes; null where there is none to make.</summary>
    internal byte[]? Authenticate(ReadOnlySpan<byte> payload) => _key is null ? null : HMACSHA256.HashData(_manifestKey, payload);

    /// <summary>The cipher of one writer's stream, or of the frames one wrote. The caller disposes it.</summary>
    internal AesGcm OpenStream(UInt128 keyId)
    {
        var key = _key ?? throw new RepositoryException(RepositoryError.KeyRequired, "it is encrypted and no key was given");
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, keyId);
        return new AesGcm(key.Derive("data key", id), FrameSealer.TagLength);
    }
}
