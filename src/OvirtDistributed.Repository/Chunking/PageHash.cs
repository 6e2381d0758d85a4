// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace OvirtDistributed.Repository.Chunking;

/// <summary>The keyed hash that decides cuts. Fast rather than strong: it names nothing.</summary>
/// <remarks>
/// Four CRC32C lanes hide the latency of the instruction; CRC alone is linear, so the lanes are folded by multiplications with
/// odd numbers from the salt. The result is part of the format: existing repositories rely on equal cuts.
/// </remarks>
internal sealed class PageHash
{
    private readonly uint _seed0;
    private readonly uint _seed1;
    private readonly uint _seed2;
    private readonly uint _seed3;
    private readonly ulong _odd0;
    private readonly ulong _odd1;

    public PageHash(ReadOnlySpan<byte> salt)
    {
        _seed0 = BinaryPrimitives.ReadUInt32LittleEndian(salt);
        _seed1 = BinaryPrimitives.ReadUInt32LittleEndian(salt[4..]);
        _seed2 = BinaryPrimitives.ReadUInt32LittleEndian(salt[8..]);
        _seed3 = BinaryPrimitives.ReadUInt32LittleEndian(salt[12..]);
        _odd0 = BinaryPrimitives.ReadUInt64LittleEndian(salt[16..]) | 1;
        _odd1 = BinaryPrimitives.ReadUInt64LittleEndian(salt[24..]) | 1;
    }

    /// <summary>Hashes a whole page (a multiple of 32 bytes). The high bits are the well mixed ones.</summary>
    public ulong Compute(ReadOnlySpan<byte> page)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(page);
        var lane = words.Length / 4;
        var first = words[..lane];
        var second = words.Slice(lane, lane);
        var third = words.Slice(2 * lane, lane);
        var fourth = words.Slice(3 * lane, lane);
        var (a, b, c, d) = (_seed0, _seed1, _seed2, _seed3);
        for (var i = 0; i < first.Length && i < second.Length && i < third.Length && i < fourth.Length; i++)
        {
            a = BitOperations.Crc32C(a, first[i]);
            b = BitOperations.Crc32C(b, second[i]);
            c = BitOperations.Crc32C(c, third[i]);
            d = BitOperations.Crc32C(d, fourth[i]);
        }

        var low = (a | ((ulong)b << 32)) * _odd0;
        var high = (c | ((ulong)d << 32)) * _odd1;
        return Fold(low ^ BitOperations.RotateLeft(high, 29));
    }

    private static ulong Fold(ulong value)
    {
        value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCD;
        value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53;
        return value ^ (value >> 33);
    }
}
