// SPDX-License-Identifier: Apache-2.0
using FsCheck.Fluent;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Frames;

public sealed class FrameTests
{
    [Fact]
    public void AnyContentInAnyProfile_ComesBack() =>
        Prop.ForAll<int, byte, bool>((seed, profile, compressible) =>
        {
            var plain = Content(seed, compressible);
            var (frame, digest) = Encode(plain, (CompressionProfile)(profile % 4));
            using var decoder = new FrameDecoder(ContentKeys.Plain);
            var decoded = new byte[plain.Length];
            Assert.Equal(plain.Length, decoder.Decode(frame, digest, FrameKind.Chunk, decoded));
            Assert.True(plain.AsSpan().SequenceEqual(decoded));
        }).Holds();

    [Theory]
    [InlineData(CompressionProfile.Default, FrameCompression.Zstd)]
    [InlineData(CompressionProfile.Dense, FrameCompression.Zstd)]
    [InlineData(CompressionProfile.Fast, FrameCompression.Lz4)]
    [InlineData(CompressionProfile.Stored, FrameCompression.None)]
    public void CompressibleContent_IsStoredAsTheProfileSays(CompressionProfile profile, FrameCompression expected)
    {
        var (frame, _) = Encode(Content(65536, compressible: true), profile);
        Assert.Equal(expected, FrameHeader.Read(frame).Compression);
    }

    [Theory]
    [InlineData(CompressionProfile.Default)]
    [InlineData(CompressionProfile.Fast)]
    public void ContentThatDoesNotShrink_IsStoredAsItIs(CompressionProfile profile)
    {
        var plain = new byte[100_000];
        new Random(3).NextBytes(plain);
        var (frame, _) = Encode(plain, profile);
        Assert.Equal(FrameCompression.None, FrameHeader.Read(frame).Compression);
        Assert.Equal(FrameHeader.Size + plain.Length, frame.Length);
    }

    [Fact]
    public void AnyByteChanged_IsNoticed()
    {
        var (frame, digest) = Encode(Content(5000, compressible: true), CompressionProfile.Default);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var plain = new byte[FrameHeader.MaxPlainLength];
        for (var i = 0; i < frame.Length; i++)
        {
            var broken = frame.ToArray();
            broken[i] ^= 0x41;
            var error = Assert.Throws<RepositoryException>(() => decoder.Decode(broken, digest, FrameKind.Chunk, plain));
            Assert.Equal(RepositoryError.Damaged, error.Error);
        }
    }

    [Fact]
    public void AnyTruncation_IsNoticed()
    {
        var (frame, digest) = Encode(Content(500, compressible: false), CompressionProfile.Default);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var plain = new byte[FrameHeader.MaxPlainLength];
        for (var length = 0; length < frame.Length; length++)
        {
            Assert.Throws<RepositoryException>(() => decoder.Decode(frame.AsSpan(0, length), digest, FrameKind.Chunk, plain));
        }
    }

    [Fact]
    public void ValidFrameOfOtherContentOrKind_IsRefused()
    {
        var (frame, digest) = Encode(Content(500, compressible: false), CompressionProfile.Default);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var plain = new byte[FrameHeader.MaxPlainLength];
        var other = ContentKeys.Plain.Compute(FrameKind.Chunk, [1]);
        Assert.Contains(other.ToString(), Assert.Throws<RepositoryException>(() => decoder.Decode(frame, other, FrameKind.Chunk, plain)).Message, StringComparison.Ordinal);
        Assert.Throws<RepositoryException>(() => decoder.Decode(frame, digest, FrameKind.MapPage, plain));
    }

    [Fact]
    public void FrameWhoseDigestLies_IsRefused()
    {
        var plain = Content(500, compressible: false);
        var lie = ContentKeys.Plain.Compute(FrameKind.Chunk, [9]);
        using var encoder = new FrameEncoder(CompressionProfile.Default, ContentKeys.Plain);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        encoder.Encode(FrameKind.Chunk, lie, plain, frame);
        Assert.Throws<RepositoryException>(() => decoder.Decode(frame, lie, FrameKind.Chunk, new byte[plain.Length]));
    }

    [Fact]
    public void EncryptedFrameWithoutAKey_SaysThatAKeyIsNeeded()
    {
        var (frame, digest) = Encode(Content(500, compressible: false), CompressionProfile.Stored);
        (FrameHeader.Read(frame) with { Flags = FrameFlags.Encrypted, KeyId = 7 }).Write(frame);
        using var decoder = new FrameDecoder(ContentKeys.Plain);
        var error = Assert.Throws<RepositoryException>(() => decoder.Decode(frame, digest, FrameKind.Chunk, new byte[500]));
        Assert.Equal(RepositoryError.KeyRequired, error.Error);
    }

    [Fact]
    public void NewerVersion_IsNamedAsSuch()
    {
        var (frame, _) = Encode([1, 2, 3], CompressionProfile.Stored);
        frame[4] = 2;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(84), Crc32C.Compute(frame.AsSpan(0, 84)));
        Assert.Equal(RepositoryError.NewerFormat, Assert.Throws<RepositoryException>(() => FrameHeader.Read(frame)).Error);
    }

    [Fact]
    public void AnyHeader_ReadsBackAsWritten() =>
        Prop.ForAll<int, ulong, uint>((length, counter, crc) =>
        {
            var header = new FrameHeader
            {
                Kind = FrameKind.Metadata,
                Compression = FrameCompression.Lz4,
                Flags = FrameFlags.Encrypted,
                PlainLength = 1 + (Math.Abs(length % 1000) * 17),
                StoredLength = 1 + Math.Abs(length % 1000),
                Digest = ContentKeys.Plain.Compute(FrameKind.Chunk, BitConverter.GetBytes(length)),
                KeyId = new UInt128(counter, ~counter),
                NoncePrefix = crc ^ 0xFFFF,
                NonceCounter = counter,
                PayloadCrc = crc,
            };
            var bytes = new byte[FrameHeader.Size];
            header.Write(bytes);
            Assert.Equal(header, FrameHeader.Read(bytes));
        }).Holds();

    [Fact]
    public void ChecksumOfTheStandardVector_IsTheStandards()
    {
        // RFC 3720, B.4: 32 bytes of zeros, and the check value of "123456789".
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(new byte[32]));
        Assert.Equal(0xE3069283u, Crc32C.Compute("123456789"u8));
    }

    [Fact]
    public void ChunkDigest_IsPlainSha256AndOtherKindsDiffer()
    {
        var plain = "abc"u8;
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, plain);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", digest.ToString());
        Assert.Equal(digest, ChunkDigest.Parse(digest.ToString()));
        Assert.NotEqual(digest, ContentKeys.Plain.Compute(FrameKind.MapPage, plain));
        Assert.NotEqual(digest, new ChunkHasher([1, 2, 3]).Compute(FrameKind.Chunk, plain));
    }

    private static byte[] Content(int seed, bool compressible)
    {
        var plain = new byte[1 + (Math.Abs(seed) % 300_000)];
        new Random(seed).NextBytes(compressible ? plain.AsSpan(0, Math.Min(plain.Length, 100)) : plain);
        return plain;
    }

    private static (byte[] Frame, ChunkDigest Digest) Encode(byte[] plain, CompressionProfile profile)
    {
        using var encoder = new FrameEncoder(profile, ContentKeys.Plain);
        var digest = ContentKeys.Plain.Compute(FrameKind.Chunk, plain);
        var frame = new byte[FrameEncoder.MaxEncodedLength(plain.Length)];
        return (frame[..encoder.Encode(FrameKind.Chunk, digest, plain, frame)], digest);
    }
}
