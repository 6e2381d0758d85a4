// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using System.Text;

namespace OvirtDistributed.Server.Managers;

/// <summary>
/// Encrypts passwords and repository keys at rest: AES-256-GCM under a key file in the data directory, bound to the owner's id, so that a sealed password cannot
/// be moved to another row. Layout: version 1 | nonce 12 | tag 16 | text.
/// </summary>
internal sealed class PasswordSeal
{
    private const string KeyFileName = "server.key";
    private const byte FormatVersion = 1;
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly byte[] _key;

    private PasswordSeal(byte[] key)
    {
        _key = key;
    }

    /// <summary>Reads the key file, or makes it: readable by its owner only, complete or absent whatever happens.</summary>
    /// <exception cref="InvalidOperationException">The file is not a key.</exception>
    public static PasswordSeal Open(string dataDirectory)
    {
        Directory.CreateDirectory(dataDirectory);
        var path = Path.Combine(dataDirectory, KeyFileName);
        if (!File.Exists(path))
        {
            WriteKey(path);
        }

        var text = File.ReadAllText(path).Trim();
        var key = new byte[KeyBytes];
        if (!Convert.TryFromBase64String(text, key, out var length) || length != KeyBytes)
        {
            throw new InvalidOperationException(
                $"The key file '{path}' does not hold a key of {KeyBytes} bytes in base64. Restore it from its backup: stored passwords and repository keys cannot be read without it.");
        }

        return new PasswordSeal(key);
    }

    public byte[] Seal(Guid owner, string password)
    {
        var text = Encoding.UTF8.GetBytes(password);
        var sealedText = new byte[1 + NonceBytes + TagBytes + text.Length];
        sealedText[0] = FormatVersion;
        var nonce = sealedText.AsSpan(1, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_key, TagBytes);
        aes.Encrypt(nonce, text, sealedText.AsSpan(1 + NonceBytes + TagBytes), sealedText.AsSpan(1 + NonceBytes, TagBytes), owner.ToByteArray());
        return sealedText;
    }

    /// <exception cref="InvalidOperationException">Sealed under another key or for another owner, or damaged.</exception>
    public string Open(Guid owner, ReadOnlySpan<byte> sealedText)
    {
        try
        {
            if (sealedText.Length < 1 + NonceBytes + TagBytes || sealedText[0] != FormatVersion)
            {
                throw new CryptographicException("unknown format");
            }

            var text = new byte[sealedText.Length - 1 - NonceBytes - TagBytes];
            using var aes = new AesGcm(_key, TagBytes);
            aes.Decrypt(
                sealedText.Slice(1, NonceBytes), sealedText[(1 + NonceBytes + TagBytes)..], sealedText.Slice(1 + NonceBytes, TagBytes), text, owner.ToByteArray());
            return Encoding.UTF8.GetString(text);
        }
        catch (CryptographicException failure)
        {
            throw new InvalidOperationException(
                $"A stored password or repository key cannot be opened with {KeyFileName} of the data directory: restore the key file that belongs to this database, or give the secret again (add the manager, import the repository's key).", failure);
        }
    }

    private static void WriteKey(string path)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite };
        using (var file = new FileStream(temporary, options))
        {
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeyBytes))));
            file.Flush(flushToDisk: true);
        }

        try
        {
            // A hard race of two servers ends with one key: the second move fails and its file is dropped.
            File.Move(temporary, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(temporary);
        }
    }
}
