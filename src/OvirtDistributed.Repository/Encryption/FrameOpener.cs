// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>Decrypts payloads; keeps the ciphers of the streams it met. One thread at a time.</summary>
internal sealed class FrameOpener(ContentKeys keys) : IDisposable
{
    // A year of daily backups of one disk has some hundreds of streams. A cipher met again after this many is derived again.
    private const int MostCiphers = 512;

    private readonly Dictionary<UInt128, AesGcm> _ciphers = [];
    private byte[] _scratch = [];

    /// <summary>Decrypts a payload into a buffer of this object, valid until the next call.</summary>
    /// <exception cref="RepositoryException">The payload or the header was changed, or the key is another.</exception>
    public ReadOnlySpan<byte> Open(scoped in FrameHeader header, scoped ReadOnlySpan<byte> headerBytes, scoped ReadOnlySpan<byte> payload)
    {
        var cipher = CipherOf(header);
        var length = payload.Length - FrameSealer.TagLength;
        if (length < 1)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: {payload.Length} bytes are too few for an encrypted payload");
        }

        if (_scratch.Length < length)
        {
            _scratch = new byte[length];
        }

        Span<byte> nonce = stackalloc byte[FrameSealer.NonceLength];
        FrameSealer.WriteNonce(header, nonce);
        try
        {
            cipher.Decrypt(
                nonce, payload[..length], payload[length..], _scratch.AsSpan(0, length), headerBytes[..FrameHeader.AssociatedDataLength]);
        }
        catch (AuthenticationTagMismatchException failure)
        {
            throw RepositoryException.Damaged($"frame {header.Digest}: its authentication does not hold: it was changed, exchanged, or is of another key", failure);
        }

        return _scratch.AsSpan(0, length);
    }

    public void Dispose() => Forget();

    private AesGcm CipherOf(in FrameHeader header)
    {
        if (_ciphers.TryGetValue(header.KeyId, out var cipher))
        {
            return cipher;
        }

        if (_ciphers.Count >= MostCiphers)
        {
            Forget();
        }

        return _ciphers[header.KeyId] = keys.OpenStream(header.KeyId);
    }

    private void Forget()
    {
        foreach (var cipher in _ciphers.Values)
        {
            cipher.Dispose();
        }

        _ciphers.Clear();
    }
}
