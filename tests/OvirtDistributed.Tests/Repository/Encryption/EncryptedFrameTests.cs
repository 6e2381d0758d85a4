// SPDX-License-Identifier: Apache-2.0
using FsCheck.Fluent;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Encryption;

public sealed class EncryptedFrameTests
{
    private readonly ContentKeys _keys = ContentKeys.Of(RepositoryKey.Generate());

    [Fact]
    public void AnyContentInAnyProfile_ComesBack_AndIsNotInTheFrame() => Prop.ForAll<int, byte, bool>((seed, profile, compressible) =>
    {
        var plain = Content(seed, compressible);
        var (frame, digest) = Encode(plain, (CompressionProfile)(profile % 4));
        Assert.True(FrameHeader.Read(frame).Flags.HasFlag(FrameFlags.Encrypted));
        Assert.Equal(plain, Decode(_keys, frame, digest));
        if (plain.Length >= 16)
        {
            Assert.Equal(-1, frame.AsSpan().IndexOf(plain.AsSpan(0, 16)));
        }
    }).Holds();

    [Fact]
    public void EveryByteOfAFrameCounts_AndAWrongOneNeverGivesData()
    {
        var plain = Content(7, compressible: true).AsSpan(0, 600).ToArray();
        var (frame, digest) = Encode(plain, CompressionProfile.Default);
        for (var i = 0; i < frame.Length; i++)
        {
            if (i is >= 76 and < FrameHeader.Size)
            {
                continue; // checksums, which are made right below, and reserved bytes
            }

            var changed = (byte[])frame.Clone();
            changed[i] ^= 0x04;
            Repair(changed); // An attacker can compute checksums.
            var failure = Assert.Throws<RepositoryException>(() => Decode(_keys, changed, digest));
            Assert.Contains(failure.Error, new[] { RepositoryError.Damaged, RepositoryError.NewerFormat });
        }
    }

    [Fact]
    public void FramesWithExchangedPayloads_AreRefused()
    {
        using var encoder = new FrameEncoder(CompressionProfile.Stored, _keys);
        var first = Encode(encoder, Content(1, compressible: false).AsSpan(0, 500).ToArray());
        var second = Encode(encoder, Content(2, compressible: false).AsSpan(0, 500).ToArray());
        var mixed = (byte[])first.Frame.Clone();
        second.Frame.AsSpan(FrameHeader.Size).CopyTo(mixed.AsSpan(FrameHeader.Size));
        Repair(mixed);
        Assert.Contains("authentication", Assert.Throws<RepositoryException>(() => Decode(_keys, mixed, first.Digest)).Message, StringComparison.Ordinal);

        // The whole frame under the other's name.
        Assert.Equal(RepositoryError.Damaged, Assert.Throws<RepositoryException>(() => Decode(_keys, second.Frame, first.Digest)).Error);

        // Key id and nonce are the second's, everything else the first's.
        var header = FrameHeader.Read(first.Frame) with { NonceCounter = FrameHeader.Read(second.Frame).NonceCounter };
        var other = (byte[])first.Frame.Clone();
        header.Write(other);
        Assert.Equal(RepositoryError.Damaged, Assert.Throws<RepositoryException>(() => Decode(_keys, other, first.Digest)).Error);
    }

    [Fact]
    public void AnotherKeyOrNone_GivesNothing()
    {
        var (frame, digest) = Encode(Content(3, compressible: true), CompressionProfile.Default);
        Assert.Equal(RepositoryError.Damaged, Assert.Throws<RepositoryException>(() => Decode(ContentKeys.Of(RepositoryKey.Generate()), frame, digest)).Error);
        Assert.Equal(RepositoryError.KeyRequired, Assert.Throws<RepositoryException>(() => Decode(ContentKeys.Opaque, frame, digest)).Error);
        Assert.Equal(RepositoryError.KeyRequired, Assert.Throws<RepositoryException>(() => Decode(ContentKeys.Plain, frame, digest)).Error);
    }

    [Fact]
    public void AFrameThatIsNotEncrypted_IsRefusedWhereAllAre()
    {
        var plain = Content(4, compressible: true);
        var digest = _keys.Compute(FrameKind.Chunk, plain);
        using var encoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        encoder.Encode(FrameKind.Chunk, digest, plain, frame);
        Assert.Contains("not encrypted", Assert.Throws<RepositoryException>(() => Decode(_keys, frame, digest)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NoPairOfKeyAndNonce_ComesTwice()
    {
        var seen = new HashSet<(UInt128, uint, ulong)>();
        var plain = Content(5, compressible: true);
        var digest = _keys.Compute(FrameKind.Chunk, plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        for (var stream = 0; stream < 50; stream++)
        {
            using var encoder = new FrameEncoder(CompressionProfile.Stored, _keys);
            for (var i = 0; i < 20; i++)
            {
                encoder.Encode(FrameKind.Chunk, digest, plain, frame);
                var header = FrameHeader.Read(frame);
                Assert.True(seen.Add((header.KeyId, header.NoncePrefix, header.NonceCounter)));
            }
        }
    }

    [Fact]
    public void MapsStayReadable_UnderKeyedNames()
    {
        var plain = Content(6, compressible: true);
        var digest = _keys.Compute(FrameKind.MapNode, plain);
        Assert.NotEqual(ContentKeys.Plain.Compute(FrameKind.MapNode, plain), digest);
        using var encoder = new FrameEncoder(CompressionProfile.Default, _keys);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        encoder.Encode(FrameKind.MapNode, digest, plain, frame);
        using var decoder = new FrameDecoder(ContentKeys.Opaque);
        var decoded = new byte[plain.Length];
        decoder.Decode(frame, digest, FrameKind.MapNode, decoded);
        Assert.Equal(plain, decoded);
    }

    [Fact]
    public void KeysOfDifferentPurposes_AreDifferent_AndFixedForEver()
    {
        // The derivation is part of the format: these values must never change.
        var key = new RepositoryKey(Enumerable.Range(0, 32).Select(i => (byte)i).ToArray(), Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"));
        string[] purposes = ["digest", "cut salt", "manifest authentication", "manifest details", "key check", "data key"];
        var derived = purposes.Select(purpose => Convert.ToHexStringLower(key.Derive(purpose))).ToList();
        Assert.Equal(purposes.Length, derived.Distinct().Count());
        Assert.Equal(ExpectedDigestKey, derived[0]);
        Assert.NotEqual(key.Derive("data key", [1]), key.Derive("data key", [2]));
    }

    // HKDF-SHA256(ikm = 00..1f, salt = 00112233445566778899aabbccddeeff, info = "ovirt-distributed/1/digest" 00), 32 bytes; computed with another
    // implementation (Python's hmac and hashlib).
    private const string ExpectedDigestKey = "62661baedecd053234ccb12eaad002cb75441fd042d6a56f81d1353d17b999fd";

    private (byte[] Frame, ChunkDigest Digest) Encode(byte[] plain, CompressionProfile profile)
    {
        using var encoder = new FrameEncoder(profile, _keys);
        return Encode(encoder, plain);
    }

    private (byte[] Frame, ChunkDigest Digest) Encode(FrameEncoder encoder, byte[] plain)
    {
        var digest = _keys.Compute(FrameKind.Chunk, plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        var length = encoder.Encode(FrameKind.Chunk, digest, plain, frame);
        return (frame[..length], digest);
    }

    private static byte[] Decode(ContentKeys keys, byte[] frame, ChunkDigest digest)
    {
        using var decoder = new FrameDecoder(keys);
        var plain = new byte[FrameHeader.Read(frame).PlainLength];
        decoder.Decode(frame, digest, FrameKind.Chunk, plain);
        return plain;
    }

    // Makes both checksums right again.
    private static void Repair(byte[] frame)
    {
        var stored = Math.Clamp(BitConverter.ToInt32(frame, 12), 0, frame.Length - FrameHeader.Size);
        BitConverter.TryWriteBytes(frame.AsSpan(76), Crc32C.Compute(frame.AsSpan(FrameHeader.Size, stored)));
        BitConverter.TryWriteBytes(frame.AsSpan(84), Crc32C.Compute(frame.AsSpan(0, 84)));
    }

    private static byte[] Content(int seed, bool compressible)
    {
        var random = new Random(seed);
        var plain = new byte[random.Next(1, 200_000)];
        random.NextBytes(plain);
        if (compressible)
        {
            plain.AsSpan(plain.Length / 3).Fill((byte)seed);
        }

        return plain;
    }
}
