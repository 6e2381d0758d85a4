// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Encryption;

/// <summary>What repo.json says about the encryption of a repository. Chosen at creation, for its whole life.</summary>
public sealed record EncryptionParameters
{
    /// <summary>The one cipher of this format version.</summary>
    public const string Aes256Gcm = "aes-256-gcm";

    /// <summary>Bytes of <see cref="KeyCheck"/>.</summary>
    public const int KeyCheckLength = 16;

    public string Cipher { get; init; } = Aes256Gcm;

    /// <summary>Names the repository key. Replicas share it.</summary>
    public required Guid KeySetId { get; init; }

    /// <summary>Derived from the key, and worthless for finding it: recognizes a wrong key.</summary>
    public required ReadOnlyMemory<byte> KeyCheck { get; init; }

    // A record compares ReadOnlyMemory by reference; parameters are equal when their bytes are.
    public bool Equals(EncryptionParameters? other) =>
        other is not null && Cipher == other.Cipher && KeySetId == other.KeySetId && KeyCheck.Span.SequenceEqual(other.KeyCheck.Span);

    public override int GetHashCode() => KeySetId.GetHashCode();

    /// <exception cref="RepositoryException">A value cannot be used.</exception>
    internal void Validate()
    {
        if (Cipher != Aes256Gcm)
        {
            throw RepositoryException.Invalid($"encryption: cipher '{Cipher}' is unknown, this program knows {Aes256Gcm}");
        }

        if (KeyCheck.Length != KeyCheckLength || KeySetId == Guid.Empty)
        {
            throw RepositoryException.Invalid($"encryption: key set '{KeySetId}' with a check of {KeyCheck.Length} bytes, {KeyCheckLength} needed");
        }
    }
}
