// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Index;

/// <summary>
/// A blocked Bloom filter: all bits of a key are in one block of 64 bytes, one cache line. 10.7 bits per key, about 1 % false hits.
/// </summary>
internal static class BloomFilter
{
    public const int BlockSize = 64;
    private const int KeysPerBlock = 48;
    private const int Probes = 7;

    public static int BlocksFor(long keys) => (int)Math.Clamp((keys + KeysPerBlock - 1) / KeysPerBlock, 1, int.MaxValue);

    public static void Add(Span<byte> block, ulong low)
    {
        var (bit, step) = Start(low);
        for (var i = 0; i < Probes; i++, bit += step)
        {
            block[(int)(bit >> 26)] |= (byte)(1 << (int)((bit >> 23) & 7));
        }
    }

    /// <summary>False: the key is not there. True: it may be.</summary>
    public static bool MayContain(ReadOnlySpan<byte> block, ulong low)
    {
        var (bit, step) = Start(low);
        for (var i = 0; i < Probes; i++, bit += step)
        {
            if ((block[(int)(bit >> 26)] & (1 << (int)((bit >> 23) & 7))) == 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The block a key is in; ascends with the keys.</summary>
    public static int BlockOf(ulong high, int blocks) => (int)(((high >> 32) * (ulong)blocks) >> 32);

    // Nine top bits of a 32 bit sequence select the bit; the step is odd, so that the probes differ.
    private static (uint Bit, uint Step) Start(ulong low) => ((uint)low, (uint)(low >> 32) | 1);
}
