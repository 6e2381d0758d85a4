// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Maps;

/// <summary>The stored form of an index node over map pages or lower nodes.</summary>
public static class MapNode
{
    private const uint Magic = 0x4E44564F; // "OVDN"
    private const byte Version = 1;
    private const int HeaderLength = 12;

    /// <summary>Bytes of the stored form.</summary>
    public static int Length(int children) => HeaderLength + (children * ChunkDigest.Size);

    /// <summary>Reads a node.</summary>
    /// <param name="plain">The decoded frame.</param>
    /// <param name="level">The level it must have; 1 stands above pages.</param>
    /// <param name="children">Is filled: the node must have exactly this many.</param>
    /// <exception cref="RepositoryException">The bytes are not such a node.</exception>
    public static void Parse(ReadOnlySpan<byte> plain, int level, Span<ChunkDigest> children)
    {
        var (actualLevel, count) = ParseHeader(plain);
        Require(actualLevel == level, $"it has level {actualLevel} where {level} is due");
        Require(count == children.Length, $"it has {count} children where {children.Length} are due");
        MemoryMarshal.Cast<byte, ChunkDigest>(plain[HeaderLength..]).CopyTo(children);
    }

    /// <summary>Checks that the bytes are a node of any place.</summary>
    internal static void Check(ReadOnlySpan<byte> plain) => ParseHeader(plain);

    /// <summary>Writes a node; returns its length.</summary>
    internal static int Write(int level, ReadOnlySpan<ChunkDigest> children, Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(destination, Magic);
        destination[4] = Version;
        destination[5] = (byte)level;
        destination[6] = 0;
        destination[7] = 0;
        BinaryPrimitives.WriteInt32LittleEndian(destination[8..], children.Length);
        MemoryMarshal.AsBytes(children).CopyTo(destination[HeaderLength..]);
        return Length(children.Length);
    }

    private static (int Level, int Count) ParseHeader(ReadOnlySpan<byte> plain)
    {
        Require(plain.Length >= HeaderLength, "it is too short");
        Require(BinaryPrimitives.ReadUInt32LittleEndian(plain) == Magic, "the magic number is missing");
        if (plain[4] > Version)
        {
            throw new RepositoryException(RepositoryError.NewerFormat, $"map node: version {plain[4]}, this program reads {Version}");
        }

        var count = BinaryPrimitives.ReadUInt32LittleEndian(plain[8..]);
        Require(plain[4] == Version && plain[5] > 0 && (plain[6] | plain[7]) == 0, "reserved bytes are set");
        Require(count is > 0 and <= MapGeometry.FanOut && plain.Length == Length((int)count), "its length does not fit its count");
        return (plain[5], (int)count);
    }

    private static void Require(bool holds, string fault)
    {
        if (!holds)
        {
            throw RepositoryException.Damaged($"map node: {fault}");
        }
    }
}
