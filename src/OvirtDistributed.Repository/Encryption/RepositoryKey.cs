// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>
/// The secret of an encrypted repository: 32 random bytes. Everything else (digests, cut salt, data keys, authentication codes) is derived
/// from it. Backup server and workers hold it, a Data Mover never does.
/// </summary>
public sealed class RepositoryKey
{
    /// <summary>Length in bytes.</summary>
    public const int Size = 32;

    private readonly byte[] _secret;

    /// <param name="secret">32 bytes; copied.</param>
    /// <param name="keySetId">Names the key; replicas of a repository share it.</param>
    /// <exception cref="RepositoryException">The length is wrong.</exception>
    public RepositoryKey(ReadOnlySpan<byte> secret, Guid keySetId)
    {
        if (secret.Length != Size)
        {
            throw RepositoryException.Invalid($"repository key: {secret.Length} bytes given, {Size} needed");
        }

        _secret = secret.ToArray();
        KeySetId = keySetId;
    }

    /// <summary>Names the key. Not secret; it is in repo.json.</summary>
    public Guid KeySetId { get; }

    /// <summary>The secret itself: for the order to a worker, a key slot or the server's sealed store. Never to be logged.</summary>
    public ReadOnlySpan<byte> Secret => _secret;

    /// <summary>A new random key.</summary>
    public static RepositoryKey Generate() => new(RandomNumberGenerator.GetBytes(Size), Guid.NewGuid());

    /// <summary>What repo.json says of the key, so that a wrong one is recognized before anything is read or written.</summary>
    public EncryptionParameters Describe() => new() { KeySetId = KeySetId, KeyCheck = Derive("key check").AsMemory(0, EncryptionParameters.KeyCheckLength) };

    /// <summary>Refuses a repository this is not the key of.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>.</exception>
    public void RequireFits(EncryptionParameters encryption)
    {
        if (encryption.KeySetId != KeySetId || !CryptographicOperations.FixedTimeEquals(encryption.KeyCheck.Span, Describe().KeyCheck.Span))
        {
            throw new RepositoryException(
                RepositoryError.KeyRequired,
                $"the key given is not the key of the repository (key set {encryption.KeySetId}): use the key it was created with, or one of its key slots");
        }
    }

    public override string ToString() => $"key of key set {KeySetId}";

    /// <summary>A subkey of 32 bytes for one purpose: HKDF-SHA-256 (RFC 5869), salt = key set id, info = the purpose and its context.</summary>
    internal byte[] Derive(string purpose, ReadOnlySpan<byte> context = default)
    {
        Span<byte> salt = stackalloc byte[16];
        KeySetId.TryWriteBytes(salt, bigEndian: true, out _);
        byte[] info = [.. "ovirt-distributed/1/"u8, .. System.Text.Encoding.ASCII.GetBytes(purpose), 0, .. context];
        var subkey = new byte[Size];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, _secret, subkey, salt, info);
        return subkey;
    }
}
