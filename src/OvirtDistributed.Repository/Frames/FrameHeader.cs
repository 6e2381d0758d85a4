// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Frames;

/// <summary>The 88 bytes in front of every payload. They describe it completely, so a pack is readable without any index (invariant 4).</summary>
public readonly record struct FrameHeader
{
    /// <summary>Length of the header in bytes; the payload follows at once.</summary>
    public const int Size = 88;

    /// <summary>Largest plain content of a frame: 4 MiB.</summary>
    public const int MaxPlainLength = 4 << 20;

    /// <summary>Largest payload: raw content and an authentication tag.</summary>
    public const int MaxStoredLength = MaxPlainLength + 16;

    /// <summary>Largest frame, header included.</summary>
    public const int MaxFrameLength = Size + MaxStoredLength;

    /// <summary>The first this many bytes of the header are the associated data of the encryption: everything up to and with the digest.</summary>
    public const int AssociatedDataLength = 48;

    internal const uint Magic = 0x4644564F; // "OVDF"
    internal const byte Version = 1;

    public required FrameKind Kind { get; init; }

    public required FrameCompression Compression { get; init; }

    public FrameFlags Flags { get; init; }

    /// <summary>Bytes after decoding.</summary>
    public required int PlainLength { get; init; }

    /// <summary>Bytes of payload that follow the header.</summary>
    public required int StoredLength { get; init; }

    public required ChunkDigest Digest { get; init; }

    /// <summary>The data key of an encrypted payload; zero otherwise.</summary>
    public UInt128 KeyId { get; init; }

    /// <summary>First 4 bytes of the 12 byte nonce.</summary>
    public uint NoncePrefix { get; init; }

    /// <summary>Last 8 bytes of the nonce: the key's counter, never reused.</summary>
    public ulong NonceCounter { get; init; }

    /// <summary>CRC32C of the payload as stored.</summary>
    public required uint PayloadCrc { get; init; }

    /// <summary>Header and payload.</summary>
    public int FrameLength => Size + StoredLength;

    /// <summary>Reads a header; false when the bytes are not one (too short, magic, checksum or a value out of range).</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out FrameHeader header) => Parse(source, out header) is null;

    /// <summary>Reads a header.</summary>
    /// <exception cref="RepositoryException">The bytes are not a frame header, or one of a newer format.</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> source)
    {
        var fault = Parse(source, out var header);
        if (fault is null)
        {
            return header;
        }

        // Only a header that holds can call itself newer.
        var newer = Holds(source) && source[4] > Version;
        throw new RepositoryException(newer ? RepositoryError.NewerFormat : RepositoryError.Damaged, $"frame header: {fault}");
    }

    /// <summary>What this program does not know in a header that holds: a later program wrote it. Null when all is known, or when it does not hold.</summary>
    internal static string? FindUnknown(ReadOnlySpan<byte> source) => Holds(source) ? ParseFields(source, out _) : null;

    /// <summary>Writes the header and its checksum.</summary>
    public void Write(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        destination[4] = Version;
        destination[5] = (byte)Kind;
        destination[6] = (byte)Compression;
        destination[7] = (byte)Flags;
        BinaryPrimitives.WriteInt32LittleEndian(destination[8..], PlainLength);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], StoredLength);
        Digest.CopyTo(destination[16..]);
        BinaryPrimitives.WriteUInt128BigEndian(destination[48..], KeyId);
        BinaryPrimitives.WriteUInt32BigEndian(destination[64..], NoncePrefix);
        BinaryPrimitives.WriteUInt64BigEndian(destination[68..], NonceCounter);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[76..], PayloadCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[80..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[84..], Crc32C.Compute(destination[..84]));
    }

    private static string? Parse(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        header = default;
        if (source.Length < Size)
        {
            return $"{source.Length} bytes given, {Size} needed";
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic)
        {
            return "the magic number is missing";
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(source[84..]) != Crc32C.Compute(source[..84]))
        {
            return "the checksum of the header does not hold";
        }

        return ParseFields(source, out header);
    }

    // The places of magic and checksum are the same in all versions.
    private static bool Holds(ReadOnlySpan<byte> source) =>
        source.Length >= Size && BinaryPrimitives.ReadUInt32LittleEndian(source) == Magic
        && BinaryPrimitives.ReadUInt32LittleEndian(source[84..]) == Crc32C.Compute(source[..84]);

    private static string? ParseFields(ReadOnlySpan<byte> source, out FrameHeader header)
    {
        header = new FrameHeader
        {
            Kind = (FrameKind)source[5],
            Compression = (FrameCompression)source[6],
            Flags = (FrameFlags)source[7],
            PlainLength = BinaryPrimitives.ReadInt32LittleEndian(source[8..]),
            StoredLength = BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            Digest = new ChunkDigest(source[16..]),
            KeyId = BinaryPrimitives.ReadUInt128BigEndian(source[48..]),
            NoncePrefix = BinaryPrimitives.ReadUInt32BigEndian(source[64..]),
            NonceCounter = BinaryPrimitives.ReadUInt64BigEndian(source[68..]),
            PayloadCrc = BinaryPrimitives.ReadUInt32LittleEndian(source[76..]),
        };

        return header switch
        {
            _ when source[4] != Version => $"version {source[4]}, this program reads {Version}",
            { Kind: < FrameKind.Chunk or > FrameKind.WrappedKey } => $"kind {source[5]} is unknown",
            { Compression: > FrameCompression.Lz4 } => $"compression {source[6]} is unknown",
            { Flags: > FrameFlags.Encrypted } => $"flags {source[7]:x2} are unknown",
            { PlainLength: < 1 or > MaxPlainLength } => $"plain length {header.PlainLength} is not in 1..{MaxPlainLength}",
            { StoredLength: < 1 or > MaxStoredLength } => $"stored length {header.StoredLength} is not in 1..{MaxStoredLength}",
            _ => null,
        };
    }
}
