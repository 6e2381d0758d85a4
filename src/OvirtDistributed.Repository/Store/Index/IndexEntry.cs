// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Where a frame is: the 32 bytes of a run's entry, usable in place (DESIGN.md, index run). Pack 0 means none.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 4)]
internal readonly struct IndexEntry
{
    public const int Size = 32;
    private const int KindShift = 24;
    private const uint LengthMask = (1u << KindShift) - 1;

    // The order of the fields is the order in the file.
    private readonly ulong _rawHigh;
    private readonly ulong _rawLow;
    public readonly uint Pack;
    public readonly uint Offset;
    public readonly int StoredLength;
    private readonly uint _plainAndKind;

    public IndexEntry(in ChunkDigest digest, uint pack, uint offset, in FrameHeader header)
        : this(digest, pack, offset, header.StoredLength, header.PlainLength, header.Kind)
    {
    }

    public IndexEntry(in ChunkDigest digest, uint pack, uint offset, int storedLength, int plainLength, FrameKind kind)
    {
        _rawHigh = BinaryPrimitives.ReverseEndianness(digest.KeyHigh);
        _rawLow = BinaryPrimitives.ReverseEndianness(digest.KeyLow);
        Pack = pack;
        Offset = offset;
        StoredLength = storedLength;
        _plainAndKind = (uint)plainLength | ((uint)kind << KindShift);
    }

    public ulong KeyHigh => BinaryPrimitives.ReverseEndianness(_rawHigh);

    public ulong KeyLow => BinaryPrimitives.ReverseEndianness(_rawLow);

    public int PlainLength => (int)(_plainAndKind & LengthMask);

    public FrameKind Kind => (FrameKind)(_plainAndKind >> KindShift);

    public bool IsNone => Pack == 0;

    public int FrameLength => FrameHeader.Size + StoredLength;

    public long End => Offset + (long)FrameLength;

    public int CompareKey(in IndexEntry other)
    {
        var order = KeyHigh.CompareTo(other.KeyHigh);
        return order != 0 ? order : KeyLow.CompareTo(other.KeyLow);
    }
}
