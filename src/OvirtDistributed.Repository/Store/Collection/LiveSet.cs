// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>
/// The digests that are reached: a Bloom filter of bounded size, salted anew for each round. A digest that is in it is always found; one that
/// is not is taken for used with a small probability, and then stays until a later round, whose salt is another.
/// </summary>
internal sealed class LiveSet
{
    private readonly byte[] _filter;
    private readonly int _blocks;
    private readonly ulong _salt;

    public LiveSet(long digests, long mostBytes)
    {
        _blocks = (int)Math.Min(BloomFilter.BlocksFor(digests), Math.Max(1, Math.Min(mostBytes, Array.MaxLength) / BloomFilter.BlockSize));
        _filter = GC.AllocateUninitializedArray<byte>(_blocks * BloomFilter.BlockSize);
        _filter.AsSpan().Clear();
        _salt = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));
    }

    public void Add(in ChunkDigest digest)
    {
        var (high, low) = KeyOf(digest);
        BloomFilter.Add(_filter.AsSpan(BloomFilter.BlockOf(high, _blocks) * BloomFilter.BlockSize, BloomFilter.BlockSize), low);
    }

    public bool MayContain(in ChunkDigest digest)
    {
        var (high, low) = KeyOf(digest);
        return BloomFilter.MayContain(_filter.AsSpan(BloomFilter.BlockOf(high, _blocks) * BloomFilter.BlockSize, BloomFilter.BlockSize), low);
    }

    // Odd multipliers permute: different digests stay different, and collide differently in every round.
    private (ulong High, ulong Low) KeyOf(in ChunkDigest digest) =>
        (digest.KeyHigh * (_salt | 1), (digest.KeyLow ^ _salt) * 0x9E3779B97F4A7C15);
}
