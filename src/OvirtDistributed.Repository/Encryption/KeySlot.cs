// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Encryption;

/// <summary>How the repository key is got out of a slot.</summary>
public enum KeySlotKind
{
    /// <summary>PBKDF2 with SHA-512 from a passphrase.</summary>
    Passphrase,

    /// <summary>A file with random content.</summary>
    KeyFile,

    /// <summary>The private key that belongs to an RSA public key.</summary>
    PublicKey,

    /// <summary>Some of several recovery shares.</summary>
    Shares,
}

/// <summary>
/// keys/ID.json: the repository key, encrypted for one recipient. A repository may have several; each opens it alone. Removing a slot and adding
/// another changes the wrapping, never the repository key, so nothing stored has to be written again.
/// </summary>
public sealed record KeySlot
{
    public required Guid Id { get; init; }

    public required KeySlotKind Kind { get; init; }

    /// <summary>Whose it is, for people.</summary>
    public required string Label { get; init; }

    public required DateTimeOffset Created { get; init; }

    /// <summary>The key in it.</summary>
    public required Guid KeySetId { get; init; }

    /// <summary>The repository key under the slot's own key: nonce 12, AES-256-GCM of 32 bytes, tag 16.</summary>
    public required ReadOnlyMemory<byte> WrappedKey { get; init; }

    /// <summary>Passphrase, key file: salt of the derivation.</summary>
    public ReadOnlyMemory<byte> Salt { get; init; }

    /// <summary>Passphrase: rounds of PBKDF2.</summary>
    public int Iterations { get; init; }

    /// <summary>Public key: SHA-256 of it (SubjectPublicKeyInfo), to tell which private key is meant.</summary>
    public ReadOnlyMemory<byte> PublicKeyDigest { get; init; }

    /// <summary>Public key: the slot's own key under RSA-OAEP with SHA-256.</summary>
    public ReadOnlyMemory<byte> EncryptedSlotKey { get; init; }

    /// <summary>Shares: how many of them open the slot.</summary>
    public int Threshold { get; init; }

    /// <summary>Shares: how many were made.</summary>
    public int ShareCount { get; init; }

    /// <summary>In words: "passphrase", "2 of 3 shares".</summary>
    public string Describe() => Kind switch
    {
        KeySlotKind.Passphrase => "passphrase",
        KeySlotKind.KeyFile => "key file",
        KeySlotKind.PublicKey => $"public key {Convert.ToHexStringLower(PublicKeyDigest.Span)[..Math.Min(16, PublicKeyDigest.Length * 2)]}",
        _ => $"{Threshold} of {ShareCount} shares",
    };
}
