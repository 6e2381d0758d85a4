// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>Makes and opens key slots. Runs where the secret is typed; only the finished slot goes to the repository.</summary>
public static class KeySlots
{
    /// <summary>Rounds of PBKDF2-HMAC-SHA512 for new slots; OWASP's password storage advice of 2023 is 210,000.</summary>
    public const int Iterations = 600_000;

    /// <summary>Shortest passphrase that is taken.</summary>
    public const int LeastPassphrase = 12;

    /// <summary>Fewest bytes of a key file.</summary>
    public const int LeastKeyFile = 32;

    internal const int MostIterations = 100_000_000;
    internal const int MostLabel = 200;
    internal const int WrappedLength = NonceLength + RepositoryKey.Size + TagLength;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int SaltLength = 32;
    private const int LeastRsaBits = 2048;

    /// <summary>A slot for a passphrase.</summary>
    /// <exception cref="RepositoryException">It is too short.</exception>
    public static KeySlot ForPassphrase(RepositoryKey key, string label, string passphrase, DateTimeOffset now, int iterations = Iterations)
    {
        if (passphrase.Length < LeastPassphrase)
        {
            throw RepositoryException.Invalid($"passphrase: {passphrase.Length} characters, use at least {LeastPassphrase}");
        }

        var slot = Begin(KeySlotKind.Passphrase, key, label, now) with { Salt = RandomNumberGenerator.GetBytes(SaltLength), Iterations = iterations };
        return Wrap(slot, key, Stretch(slot, passphrase));
    }

    /// <summary>A slot for a file of random content.</summary>
    /// <exception cref="RepositoryException">It is too short.</exception>
    public static KeySlot ForKeyFile(RepositoryKey key, string label, ReadOnlySpan<byte> file, DateTimeOffset now)
    {
        if (file.Length < LeastKeyFile)
        {
            throw RepositoryException.Invalid($"key file: {file.Length} bytes, at least {LeastKeyFile} of random content are needed (openssl rand -out FILE 64)");
        }

        var slot = Begin(KeySlotKind.KeyFile, key, label, now) with { Salt = RandomNumberGenerator.GetBytes(SaltLength) };
        return Wrap(slot, key, Extract(slot, file));
    }

    /// <summary>A slot that the private key to this RSA public key opens.</summary>
    /// <param name="key">The repository key.</param>
    /// <param name="label">Whose it is.</param>
    /// <param name="publicKeyPem">PEM, "BEGIN PUBLIC KEY".</param>
    /// <param name="now">UTC.</param>
    /// <exception cref="RepositoryException">The text is no such key, or shorter than 2,048 bits.</exception>
    public static KeySlot ForPublicKey(RepositoryKey key, string label, string publicKeyPem, DateTimeOffset now)
    {
        using var rsa = ImportRsa(publicKeyPem, "public key");
        if (rsa.KeySize < LeastRsaBits)
        {
            throw RepositoryException.Invalid($"public key: {rsa.KeySize} bits, use at least {LeastRsaBits}, better 4096");
        }

        var slotKey = RandomNumberGenerator.GetBytes(RepositoryKey.Size);
        var slot = Begin(KeySlotKind.PublicKey, key, label, now) with
        {
            PublicKeyDigest = SHA256.HashData(rsa.ExportSubjectPublicKeyInfo()),
            EncryptedSlotKey = rsa.Encrypt(slotKey, RSAEncryptionPadding.OaepSHA256),
        };
        return Wrap(slot, key, slotKey);
    }

    /// <summary>A slot that any <paramref name="threshold"/> of <paramref name="count"/> shares open; fewer tell nothing.</summary>
    /// <exception cref="RepositoryException">Numbers out of range.</exception>
    public static (KeySlot Slot, IReadOnlyList<KeyShare> Shares) ForShares(RepositoryKey key, string label, int threshold, int count, DateTimeOffset now)
    {
        if (threshold < 2 || count < threshold || count > 255)
        {
            throw RepositoryException.Invalid($"shares: {threshold} of {count}; at least 2 must be needed, of at most 255, and no more than there are");
        }

        var slotKey = RandomNumberGenerator.GetBytes(RepositoryKey.Size);
        var slot = Begin(KeySlotKind.Shares, key, label, now) with { Threshold = threshold, ShareCount = count };
        var parts = SecretSharing.Split(slotKey, threshold, count);
        return (Wrap(slot, key, slotKey), [.. parts.Select((part, i) => new KeyShare(slot.Id, threshold, (byte)(i + 1), part))]);
    }

    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: it does not open this slot.</exception>
    public static RepositoryKey OpenWithPassphrase(KeySlot slot, string passphrase) => Unwrap(Require(slot, KeySlotKind.Passphrase), Stretch(slot, passphrase));

    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: it does not open this slot.</exception>
    public static RepositoryKey OpenWithKeyFile(KeySlot slot, ReadOnlySpan<byte> file) => Unwrap(Require(slot, KeySlotKind.KeyFile), Extract(slot, file));

    /// <param name="slot">The slot.</param>
    /// <param name="privateKeyPem">PEM of the RSA private key, not encrypted.</param>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: it does not open this slot.</exception>
    public static RepositoryKey OpenWithPrivateKey(KeySlot slot, string privateKeyPem)
    {
        using var rsa = ImportRsa(privateKeyPem, "private key");
        try
        {
            return Unwrap(Require(slot, KeySlotKind.PublicKey), rsa.Decrypt(slot.EncryptedSlotKey.Span, RSAEncryptionPadding.OaepSHA256));
        }
        catch (CryptographicException failure)
        {
            throw WrongSecret(slot, failure);
        }
    }

    /// <exception cref="RepositoryException"><see cref="RepositoryError.KeyRequired"/>: too few shares, of another slot, or damaged ones.</exception>
    public static RepositoryKey OpenWithShares(KeySlot slot, IReadOnlyCollection<KeyShare> shares)
    {
        Require(slot, KeySlotKind.Shares);
        var own = shares.Where(share => share.SlotId == slot.Id).DistinctBy(share => share.Number).ToList();
        if (own.Count < slot.Threshold)
        {
            throw new RepositoryException(
                RepositoryError.KeyRequired, $"key slot {slot.Id} needs {slot.Threshold} different shares, {own.Count} of those given are its own");
        }

        return Unwrap(slot, SecretSharing.Combine([.. own.Take(slot.Threshold).Select(share => (share.Number, share.Part))]));
    }

    private static KeySlot Begin(KeySlotKind kind, RepositoryKey key, string label, DateTimeOffset now)
    {
        if (label.Length > MostLabel || label.Any(char.IsControl))
        {
            throw RepositoryException.Invalid($"label: use at most {MostLabel} printable characters");
        }

        return new KeySlot { Id = Guid.NewGuid(), Kind = kind, Label = label, Created = now.ToUniversalTime(), KeySetId = key.KeySetId, WrappedKey = default };
    }

    private static KeySlot Require(KeySlot slot, KeySlotKind kind) => slot.Kind == kind
        ? slot
        : throw new RepositoryException(RepositoryError.KeyRequired, $"key slot {slot.Id} is opened by {slot.Describe()}, not by this");

    private static byte[] Stretch(KeySlot slot, string passphrase) => Rfc2898DeriveBytes.Pbkdf2(
        Encoding.UTF8.GetBytes(passphrase), slot.Salt.Span, slot.Iterations, HashAlgorithmName.SHA512, RepositoryKey.Size);

    private static byte[] Extract(KeySlot slot, ReadOnlySpan<byte> file)
    {
        var slotKey = new byte[RepositoryKey.Size];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, file, slotKey, slot.Salt.Span, "ovirt-distributed/1/key file"u8);
        return slotKey;
    }

    private static KeySlot Wrap(KeySlot slot, RepositoryKey key, byte[] slotKey)
    {
        var wrapped = new byte[WrappedLength];
        RandomNumberGenerator.Fill(wrapped.AsSpan(0, NonceLength));
        using var cipher = new AesGcm(slotKey, TagLength);
        cipher.Encrypt(wrapped.AsSpan(0, NonceLength), key.Secret, wrapped.AsSpan(NonceLength, RepositoryKey.Size), wrapped.AsSpan(NonceLength + RepositoryKey.Size), Bound(slot));
        CryptographicOperations.ZeroMemory(slotKey);
        return slot with { WrappedKey = wrapped };
    }

    private static RepositoryKey Unwrap(KeySlot slot, byte[] slotKey)
    {
        var wrapped = slot.WrappedKey.Span;
        var secret = new byte[RepositoryKey.Size];
        try
        {
            using var cipher = new AesGcm(slotKey, TagLength);
            cipher.Decrypt(wrapped[..NonceLength], wrapped.Slice(NonceLength, RepositoryKey.Size), wrapped[(NonceLength + RepositoryKey.Size)..], secret, Bound(slot));
            return new RepositoryKey(secret, slot.KeySetId);
        }
        catch (CryptographicException failure)
        {
            throw WrongSecret(slot, failure);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(slotKey);
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    // What the wrapped key belongs to: a slot cannot be relabelled as another's.
    private static byte[] Bound(KeySlot slot) => [.. slot.Id.ToByteArray(bigEndian: true), .. slot.KeySetId.ToByteArray(bigEndian: true), (byte)slot.Kind];

    private static RepositoryException WrongSecret(KeySlot slot, Exception failure) =>
        new(RepositoryError.KeyRequired, $"this does not open key slot {slot.Id} ({slot.Label}, {slot.Describe()})", failure);

    private static RSA ImportRsa(string pem, string what)
    {
        var rsa = RSA.Create();
        try
        {
            rsa.ImportFromPem(pem);
            return rsa;
        }
        catch (Exception failure) when (failure is ArgumentException or CryptographicException)
        {
            rsa.Dispose();
            throw RepositoryException.Invalid($"{what}: it is no RSA key in PEM form ({failure.Message})");
        }
    }
}
