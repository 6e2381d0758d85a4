// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Header, footer and trailer of a pack (DESIGN.md, pack).</summary>
internal static class PackFormat
{
    public const string Folder = "packs";
    public const string NumbersName = Folder + "/numbers.json";
    public const string NumbersFormat = "pack-numbers";
    public const int HeaderLength = 64;
    public const int TrailerLength = 48;
    public const int FooterEntryLength = 44;

    /// <summary>A pack is sealed at this many frames, so that its footer stays small in memory.</summary>
    public const int MaxFrames = 64 << 10;

    private const ulong HeaderMagic = 0x314B43415044564F; // "OVDPACK1"
    private const ulong TrailerMagic = 0x4C4941525444564F; // "OVDTRAIL"
    private const uint Version = 1;
    private const string Suffix = ".pack";

    public static string NameOf(uint number) => $"{Folder}/{number & 0xFF:x2}/{number:x8}{Suffix}";

    /// <summary>The pack's number; 0 when the name is not a pack's.</summary>
    public static uint ParseName(string name)
    {
        var valid = name.Length == Folder.Length + 4 + 8 + Suffix.Length
            && uint.TryParse(name.AsSpan(Folder.Length + 4, 8), NumberStyles.AllowHexSpecifier, null, out var number)
            && NameOf(number) == name;
        return valid ? uint.Parse(name.AsSpan(Folder.Length + 4, 8), NumberStyles.AllowHexSpecifier) : 0;
    }

    public static byte[] WriteHeader(uint number, Guid repositoryId, DateTimeOffset created)
    {
        var header = new byte[HeaderLength];
        BinaryPrimitives.WriteUInt64LittleEndian(header, HeaderMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(8), Version);
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(12), number);
        repositoryId.TryWriteBytes(header.AsSpan(16), bigEndian: true, out _);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(32), created.ToUnixTimeMilliseconds());
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(60), Crc32C.Compute(header.AsSpan(0, 60)));
        return header;
    }

    /// <summary>Null when the header is this pack's; otherwise what is wrong.</summary>
    /// <exception cref="RepositoryException">The pack has a newer format.</exception>
    public static string? CheckHeader(ReadOnlySpan<byte> header, uint number, Guid repositoryId)
    {
        if (header.Length < HeaderLength || BinaryPrimitives.ReadUInt64LittleEndian(header) != HeaderMagic
            || BinaryPrimitives.ReadUInt32LittleEndian(header[60..]) != Crc32C.Compute(header[..60]))
        {
            return "its header does not hold";
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version > Version)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"{NameOf(number)}: version {version}, this program reads {Version}");
        }

        if (version == 0)
        {
            throw RepositoryException.Damaged($"{NameOf(number)}: version 0; versions start at 1, so nothing in it is used");
        }

        var owner = new Guid(header.Slice(16, 16), bigEndian: true);
        return BinaryPrimitives.ReadUInt32LittleEndian(header[12..]) != number ? "its header has another number"
            : owner != repositoryId ? $"it belongs to repository {owner}"
            : null;
    }

    public static void WriteFooterEntry(Span<byte> target, in PackFrame frame)
    {
        frame.Digest.CopyTo(target);
        BinaryPrimitives.WriteUInt32LittleEndian(target[32..], frame.Offset);
        BinaryPrimitives.WriteInt32LittleEndian(target[36..], frame.StoredLength);
        BinaryPrimitives.WriteUInt32LittleEndian(target[40..], (uint)frame.PlainLength | ((uint)frame.Kind << 24));
    }

    /// <summary>The footer and the trailer of a pack whose footer starts at <paramref name="offset"/>.</summary>
    public static byte[] WriteEnd(uint number, List<PackFrame> frames, long offset)
    {
        var end = new byte[(frames.Count * FooterEntryLength) + TrailerLength];
        var plain = 0L;
        for (var i = 0; i < frames.Count; i++)
        {
            WriteFooterEntry(end.AsSpan(i * FooterEntryLength), frames[i]);
            plain += frames[i].PlainLength;
        }

        var footer = end.AsSpan(0, frames.Count * FooterEntryLength);
        var trailer = end.AsSpan(footer.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(trailer, TrailerMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[12..], number);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[16..], frames.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[20..], Crc32C.Compute(footer));
        BinaryPrimitives.WriteInt64LittleEndian(trailer[24..], offset);
        BinaryPrimitives.WriteInt64LittleEndian(trailer[32..], plain);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[44..], Crc32C.Compute(trailer[..44]));
        return end;
    }

    /// <summary>Whether this was the trailer of a sealed pack, damaged or not.</summary>
    public static bool LooksSealed(ReadOnlySpan<byte> trailer) => BinaryPrimitives.ReadUInt64LittleEndian(trailer) == TrailerMagic;

    /// <summary>Where the footer is; null when the bytes are not the trailer of this pack (it is not sealed, or damaged).</summary>
    public static PackTrailer? ReadTrailer(ReadOnlySpan<byte> trailer, uint number, long packLength)
    {
        if (trailer.Length < TrailerLength || BinaryPrimitives.ReadUInt64LittleEndian(trailer) != TrailerMagic
            || BinaryPrimitives.ReadUInt32LittleEndian(trailer[44..]) != Crc32C.Compute(trailer[..44]))
        {
            return null;
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(trailer[8..]);
        if (version > Version)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"{NameOf(number)}: version {version}, this program reads {Version}");
        }

        var entries = BinaryPrimitives.ReadInt32LittleEndian(trailer[16..]);
        var offset = BinaryPrimitives.ReadInt64LittleEndian(trailer[24..]);
        var fits = version > 0 && BinaryPrimitives.ReadUInt32LittleEndian(trailer[12..]) == number && entries >= 0 && offset >= HeaderLength
            && offset + ((long)entries * FooterEntryLength) + TrailerLength == packLength;
        return fits ? new PackTrailer(entries, offset, BinaryPrimitives.ReadUInt32LittleEndian(trailer[20..])) : null;
    }

    /// <summary>Reads a footer; false when it does not hold.</summary>
    public static bool TryReadFooter(ReadOnlySpan<byte> footer, in PackTrailer trailer, List<PackFrame> frames)
    {
        frames.Clear();
        if (footer.Length != trailer.Entries * FooterEntryLength || Crc32C.Compute(footer) != trailer.FooterCrc)
        {
            return false;
        }

        for (var i = 0; i < trailer.Entries; i++)
        {
            var source = footer[(i * FooterEntryLength)..];
            var plain = BinaryPrimitives.ReadUInt32LittleEndian(source[40..]);
            var frame = new PackFrame(
                new ChunkDigest(source),
                BinaryPrimitives.ReadUInt32LittleEndian(source[32..]),
                BinaryPrimitives.ReadInt32LittleEndian(source[36..]),
                (int)(plain & 0xFFFFFF),
                (FrameKind)(plain >> 24));
            if (frame.Offset < HeaderLength || frame.StoredLength is < 1 or > FrameHeader.MaxStoredLength || frame.End > trailer.FooterOffset)
            {
                return false;
            }

            frames.Add(frame);
        }

        return true;
    }
}

/// <summary>Where a sealed pack's footer is.</summary>
internal readonly record struct PackTrailer(int Entries, long FooterOffset, uint FooterCrc);

/// <summary>A frame of a pack, as its footer lists it.</summary>
internal readonly record struct PackFrame(ChunkDigest Digest, uint Offset, int StoredLength, int PlainLength, FrameKind Kind)
{
    public long End => Offset + FrameHeader.Size + (long)StoredLength;
}
