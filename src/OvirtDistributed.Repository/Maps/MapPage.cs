// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Maps;

/// <summary>The stored form of a map page. Canonical: equal content cut equally is an equal page (DESIGN.md, extent maps).</summary>
public static class MapPage
{
    private const uint Magic = 0x4D44564F; // "OVDM"
    private const byte Version = 1;
    private const int HeaderLength = 24;
    private const int EntryLength = 12;
    private const uint ZeroNumber = uint.MaxValue;

    /// <summary>Bytes of the stored form of this many entries, each with a digest of its own: the most it can take.</summary>
    public static int MaxLength(int entryCount) => HeaderLength + (entryCount * (EntryLength + ChunkDigest.Size));

    /// <summary>Reads a page.</summary>
    /// <param name="plain">The decoded frame.</param>
    /// <param name="entries">Is cleared and filled: entries that cover the range exactly.</param>
    /// <returns>Bytes of disk the page describes.</returns>
    /// <exception cref="RepositoryException">The bytes are not a canonical page.</exception>
    public static int Parse(ReadOnlySpan<byte> plain, List<MapEntry> entries)
    {
        entries.Clear();
        var (range, entryCount, digestCount) = ParseHeader(plain);
        var digests = MemoryMarshal.Cast<byte, ChunkDigest>(plain[(HeaderLength + (entryCount * EntryLength))..]);
        var offset = 0L;
        var used = 0;
        for (var i = 0; i < entryCount; i++)
        {
            var source = plain[(HeaderLength + (i * EntryLength))..];
            var length = BinaryPrimitives.ReadUInt32LittleEndian(source);
            var chunkOffset = BinaryPrimitives.ReadUInt32LittleEndian(source[4..]);
            var number = BinaryPrimitives.ReadUInt32LittleEndian(source[8..]);
            Require(length > 0 && length <= range - offset, "an entry leaves the page");
            Require(number == ZeroNumber ? chunkOffset == 0 : number < digestCount && number <= used, "an entry names a digest out of order");
            Require(number == ZeroNumber || chunkOffset + (long)length <= FrameHeader.MaxPlainLength, "an entry leaves its chunk");
            used += number == used ? 1 : 0;
            var entry = new MapEntry((int)offset, (int)length, number == ZeroNumber ? ChunkDigest.Zero : digests[(int)number], (int)chunkOffset);
            Require(number == ZeroNumber || !entry.IsZero, "a digest is the reserved one");
            Require(entries.Count == 0 || !Continues(entries[^1], entry), "two entries should be one");
            entries.Add(entry);
            offset += length;
        }

        Require(offset == range && used == digestCount && digestCount > 0, "the entries do not cover the page");
        return range;
    }

    /// <summary>Writes a page.</summary>
    /// <param name="entries">Normalised entries (see <see cref="Append"/>) that cover the range exactly and are not all zero.</param>
    /// <param name="destination">At least <see cref="MaxLength"/> bytes.</param>
    /// <param name="numbers">Working memory; cleared.</param>
    /// <returns>Bytes written.</returns>
    internal static int Write(List<MapEntry> entries, Span<byte> destination, Dictionary<ChunkDigest, int> numbers)
    {
        numbers.Clear();
        var digests = destination[(HeaderLength + (entries.Count * EntryLength))..];
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            var number = ZeroNumber;
            if (!entry.IsZero)
            {
                ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(numbers, entry.Digest, out var exists);
                if (!exists)
                {
                    known = numbers.Count - 1;
                    entry.Digest.CopyTo(digests[(known * ChunkDigest.Size)..]);
                }

                number = (uint)known;
            }

            var target = destination[(HeaderLength + (i * EntryLength))..];
            BinaryPrimitives.WriteInt32LittleEndian(target, entry.Length);
            BinaryPrimitives.WriteInt32LittleEndian(target[4..], entry.ChunkOffset);
            BinaryPrimitives.WriteUInt32LittleEndian(target[8..], number);
        }

        destination[..HeaderLength].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        destination[4] = Version;
        BinaryPrimitives.WriteInt32LittleEndian(destination[8..], entries.Count == 0 ? 0 : entries[^1].End);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], entries.Count);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], numbers.Count);
        return HeaderLength + (entries.Count * EntryLength) + (numbers.Count * ChunkDigest.Size);
    }

    /// <summary>Adds an entry behind the others, joined with the last where it goes on from it.</summary>
    internal static void Append(List<MapEntry> entries, in MapEntry entry)
    {
        if (entry.Length == 0)
        {
            return;
        }

        if (entries.Count > 0 && Continues(entries[^1], entry))
        {
            entries[^1] = entries[^1] with { Length = entries[^1].Length + entry.Length };
            return;
        }

        entries.Add(entry);
    }

    private static bool Continues(in MapEntry last, in MapEntry next) =>
        last.Digest == next.Digest && (last.IsZero || last.ChunkOffset + last.Length == next.ChunkOffset);

    private static (int Range, int Entries, int Digests) ParseHeader(ReadOnlySpan<byte> plain)
    {
        Require(plain.Length >= HeaderLength, "it is too short");
        Require(BinaryPrimitives.ReadUInt32LittleEndian(plain) == Magic, "the magic number is missing");
        if (plain[4] > Version)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"map page: version {plain[4]}, this program reads {Version}");
        }

        var range = BinaryPrimitives.ReadUInt32LittleEndian(plain[8..]);
        var entries = BinaryPrimitives.ReadUInt32LittleEndian(plain[12..]);
        var digests = BinaryPrimitives.ReadUInt32LittleEndian(plain[16..]);
        var reserved = plain[5] | plain[6] | plain[7] | BinaryPrimitives.ReadInt32LittleEndian(plain[20..]);
        Require(plain[4] == Version && reserved == 0, "reserved bytes are set");
        Require(range is > 0 and <= MapGeometry.PageBytes, "its range is out of bounds");
        Require(HeaderLength + ((long)entries * EntryLength) + ((long)digests * ChunkDigest.Size) == plain.Length, "its length does not fit its counts");
        return ((int)range, (int)entries, (int)digests);
    }

    private static void Require(bool holds, string fault)
    {
        if (!holds)
        {
            throw RepositoryException.Damaged($"map page: {fault}");
        }
    }
}
