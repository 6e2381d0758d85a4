// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>BLAKE2b without key and with a digest of 32 bytes (RFC 7693): the default checksum of ImageIO, which .NET does not have.</summary>
internal sealed class Blake2b
{
    public const int DigestBytes = 32;
    private const int BlockBytes = 128;

    private static readonly ulong[] Initial =
    [
        0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
        0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
    ];

    private static readonly byte[][] Sigma =
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
        [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
        [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
        [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
        [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
        [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
        [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
        [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
        [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
        [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
    ];

    private readonly ulong[] _state = new ulong[8];
    private readonly byte[] _block = new byte[BlockBytes];
    private int _filled;
    private ulong _total;

    public Blake2b()
    {
        Initial.CopyTo(_state, 0);
        _state[0] ^= 0x01010000 ^ DigestBytes;
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            // The last block is compressed only at the end, with its flag.
            if (_filled == BlockBytes)
            {
                _total += BlockBytes;
                Compress(_block, last: false);
                _filled = 0;
            }

            if (_filled == 0 && data.Length > BlockBytes)
            {
                _total += BlockBytes;
                Compress(data[..BlockBytes], last: false);
                data = data[BlockBytes..];
                continue;
            }

            var count = Math.Min(BlockBytes - _filled, data.Length);
            data[..count].CopyTo(_block.AsSpan(_filled));
            _filled += count;
            data = data[count..];
        }
    }

    public byte[] Finish()
    {
        _total += (ulong)_filled;
        _block.AsSpan(_filled).Clear();
        Compress(_block, last: true);
        var digest = new byte[DigestBytes];
        for (var i = 0; i < DigestBytes / 8; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(digest.AsSpan(i * 8), _state[i]);
        }

        return digest;
    }

    /// <summary>The four columns, and then the four diagonals, are mixed at once as the lanes of vectors.</summary>
    private void Compress(ReadOnlySpan<byte> block, bool last)
    {
        Span<ulong> m = stackalloc ulong[16];
        for (var i = 0; i < 16; i++)
        {
            m[i] = BinaryPrimitives.ReadUInt64LittleEndian(block[(i * 8)..]);
        }

        var low = Vector256.Create<ulong>(_state.AsSpan(0, 4));
        var high = Vector256.Create<ulong>(_state.AsSpan(4, 4));
        var (a, b) = (low, high);
        var c = Vector256.Create<ulong>(Initial.AsSpan(0, 4));
        var d = Vector256.Create<ulong>(Initial.AsSpan(4, 4)) ^ Vector256.Create(_total, 0, last ? ulong.MaxValue : 0, 0);
        for (var round = 0; round < 12; round++)
        {
            var s = Sigma[round % 10];
            Mix(ref a, ref b, ref c, ref d, Vector256.Create(m[s[0]], m[s[2]], m[s[4]], m[s[6]]), Vector256.Create(m[s[1]], m[s[3]], m[s[5]], m[s[7]]));
            b = Vector256.Shuffle(b, Vector256.Create(1UL, 2, 3, 0));
            c = Vector256.Shuffle(c, Vector256.Create(2UL, 3, 0, 1));
            d = Vector256.Shuffle(d, Vector256.Create(3UL, 0, 1, 2));
            Mix(ref a, ref b, ref c, ref d, Vector256.Create(m[s[8]], m[s[10]], m[s[12]], m[s[14]]), Vector256.Create(m[s[9]], m[s[11]], m[s[13]], m[s[15]]));
            b = Vector256.Shuffle(b, Vector256.Create(3UL, 0, 1, 2));
            c = Vector256.Shuffle(c, Vector256.Create(2UL, 3, 0, 1));
            d = Vector256.Shuffle(d, Vector256.Create(1UL, 2, 3, 0));
        }

        (low ^ a ^ c).CopyTo(_state.AsSpan(0, 4));
        (high ^ b ^ d).CopyTo(_state.AsSpan(4, 4));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Mix(ref Vector256<ulong> a, ref Vector256<ulong> b, ref Vector256<ulong> c, ref Vector256<ulong> d, Vector256<ulong> x, Vector256<ulong> y)
    {
        a = a + b + x;
        d = RotateRight(d ^ a, 32);
        c += d;
        b = RotateRight(b ^ c, 24);
        a = a + b + y;
        d = RotateRight(d ^ a, 16);
        c += d;
        b = RotateRight(b ^ c, 63);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ulong> RotateRight(Vector256<ulong> value, int count) => (value >>> count) | (value << (64 - count));
}
