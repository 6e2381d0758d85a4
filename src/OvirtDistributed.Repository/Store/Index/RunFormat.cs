// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Globalization;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Header and trailer of a run (DESIGN.md, index run).</summary>
internal sealed record RunFormat
{
    public const string Folder = "index";
    public const int HeaderLength = 64;
    public const int TrailerLength = 48;
    private const ulong HeaderMagic = 0x5845444E4944564F; // "OVDINDEX"
    private const ulong TrailerMagic = 0x4E454E555244564F; // "OVDRUNEN"
    private const uint Version = 1;
    private const string Suffix = ".run";

    public required int BloomBlocks { get; init; }

    public required long Entries { get; init; }

    public required long Low { get; init; }

    public required long High { get; init; }

    public required long PlainBytes { get; init; }

    public required long StoredBytes { get; init; }

    public uint BloomCrc { get; init; }

    public uint EntriesCrc { get; init; }

    public uint CoverageCrc { get; init; }

    public long CoverageCount { get; init; }

    public long EntriesOffset => HeaderLength + ((long)BloomBlocks * BloomFilter.BlockSize);

    public long CoverageOffset => EntriesOffset + (Entries * IndexEntry.Size);

    public long TrailerOffset => CoverageOffset + (CoverageCount * PackCoverage.Size);

    public static string NameOf(long low, long high) => $"{Folder}/{low:x16}-{high:x16}{Suffix}";

    /// <summary>The sequence range of a run's name; null when it is not one.</summary>
    public static (long Low, long High)? ParseName(string name)
    {
        var file = name.AsSpan(Folder.Length + 1);
        if (file.Length != 33 + Suffix.Length || !file.EndsWith(Suffix, StringComparison.Ordinal) || file[16] != '-')
        {
            return null;
        }

        var valid = long.TryParse(file[..16], NumberStyles.AllowHexSpecifier, null, out var low)
            & long.TryParse(file[17..33], NumberStyles.AllowHexSpecifier, null, out var high);
        return valid && low > 0 && high >= low ? (low, high) : null;
    }

    public void WriteHeader(Span<byte> target)
    {
        target[..HeaderLength].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, HeaderMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], BloomBlocks);
        BinaryPrimitives.WriteInt64LittleEndian(target[16..], Entries);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], Low);
        BinaryPrimitives.WriteInt64LittleEndian(target[32..], High);
        BinaryPrimitives.WriteInt64LittleEndian(target[40..], PlainBytes);
        BinaryPrimitives.WriteInt64LittleEndian(target[48..], StoredBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(target[60..], Crc32C.Compute(target[..60]));
    }

    public void WriteTrailer(Span<byte> target)
    {
        target[..TrailerLength].Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(target, TrailerMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(target[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(target[12..], BloomCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[16..], EntriesCrc);
        BinaryPrimitives.WriteUInt32LittleEndian(target[20..], CoverageCrc);
        BinaryPrimitives.WriteInt64LittleEndian(target[24..], CoverageCount);
        BinaryPrimitives.WriteUInt32LittleEndian(target[44..], Crc32C.Compute(target[..44]));
    }

    /// <summary>Reads header and trailer and checks them against each other and the length.</summary>
    /// <exception cref="RepositoryException">Damaged, or of a newer format.</exception>
    public static RunFormat Read(string name, ReadOnlySpan<byte> header, ReadOnlySpan<byte> trailer, long length)
    {
        var whole = header.Length >= HeaderLength && trailer.Length >= TrailerLength
            && BinaryPrimitives.ReadUInt64LittleEndian(header) == HeaderMagic
            && BinaryPrimitives.ReadUInt64LittleEndian(trailer) == TrailerMagic
            && BinaryPrimitives.ReadUInt32LittleEndian(header[60..]) == Crc32C.Compute(header[..60])
            && BinaryPrimitives.ReadUInt32LittleEndian(trailer[44..]) == Crc32C.Compute(trailer[..44]);
        Require(whole, name, "header or trailer do not hold");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        if (version > Version)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"{name}: version {version}, this program reads {Version}");
        }

        Require(version > 0, name, "version 0; versions start at 1");
        var format = new RunFormat
        {
            BloomBlocks = BinaryPrimitives.ReadInt32LittleEndian(header[12..]),
            Entries = BinaryPrimitives.ReadInt64LittleEndian(header[16..]),
            Low = BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            High = BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            PlainBytes = BinaryPrimitives.ReadInt64LittleEndian(header[40..]),
            StoredBytes = BinaryPrimitives.ReadInt64LittleEndian(header[48..]),
            BloomCrc = BinaryPrimitives.ReadUInt32LittleEndian(trailer[12..]),
            EntriesCrc = BinaryPrimitives.ReadUInt32LittleEndian(trailer[16..]),
            CoverageCrc = BinaryPrimitives.ReadUInt32LittleEndian(trailer[20..]),
            CoverageCount = BinaryPrimitives.ReadInt64LittleEndian(trailer[24..]),
        };
        const long Most = long.MaxValue / 64;
        var bounded = format is { BloomBlocks: > 0, Entries: >= 0 and < Most, CoverageCount: >= 0 and < Most };
        Require(bounded && format.TrailerOffset + TrailerLength == length, name, "its length does not fit its counts");
        Require(ParseName(name) == (format.Low, format.High), name, "its name does not fit its content");
        return format;
    }

    private static void Require(bool holds, string name, string fault)
    {
        if (!holds)
        {
            throw RepositoryException.Damaged($"{name}: {fault}");
        }
    }
}
