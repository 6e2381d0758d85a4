// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Security.Cryptography;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Encryption;

/// <summary>
/// Encrypts the payloads of one writer's stream under a key of its own (a random id, the key derived from it), with a counter as nonce:
/// no pair of key and nonce can come twice. One thread at a time.
/// </summary>
internal sealed class FrameSealer : IDisposable
{
    public const int TagLength = 16;
    public const int NonceLength = 12;

    private readonly UInt128 _keyId;
    private readonly AesGcm _cipher;
    private ulong _counter;

    public FrameSealer(ContentKeys keys)
    {
        _keyId = BinaryPrimitives.ReadUInt128BigEndian(RandomNumberGenerator.GetBytes(16));
        _cipher = keys.OpenStream(_keyId);
    }

    /// <summary>The header of the next frame: key, nonce, flag, and the length with the tag.</summary>
    public FrameHeader Next(in FrameHeader header) => header with
    {
        Flags = header.Flags | FrameFlags.Encrypted,
        StoredLength = header.StoredLength + TagLength,
        KeyId = _keyId,
        NoncePrefix = 0,
        NonceCounter = checked(++_counter),
    };

    /// <summary>Encrypts; source and destination may be the same bytes.</summary>
    /// <param name="header">From <see cref="Next"/>.</param>
    /// <param name="headerBytes">The header as written: its first bytes are authenticated with the payload.</param>
    /// <param name="source">Compressed or raw content.</param>
    /// <param name="payload">Stored length bytes.</param>
    public void Seal(in FrameHeader header, ReadOnlySpan<byte> headerBytes, ReadOnlySpan<byte> source, Span<byte> payload)
    {
        Span<byte> nonce = stackalloc byte[NonceLength];
        WriteNonce(header, nonce);
        _cipher.Encrypt(nonce, source, payload[..source.Length], payload.Slice(source.Length, TagLength), headerBytes[..FrameHeader.AssociatedDataLength]);
    }

    public void Dispose() => _cipher.Dispose();

    internal static void WriteNonce(in FrameHeader header, Span<byte> nonce)
    {
        BinaryPrimitives.WriteUInt32BigEndian(nonce, header.NoncePrefix);
        BinaryPrimitives.WriteUInt64BigEndian(nonce[4..], header.NonceCounter);
    }
}
