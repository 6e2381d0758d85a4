// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// The digests this session sent or was told about last: their chunks need neither be asked for nor sent again.
/// A direct-mapped table of fixed size; a newer digest in the same place replaces the older one. Thread-safe.
/// </summary>
internal sealed class RecentDigests
{
    private readonly ChunkDigest[] _table;
    private readonly Lock _lock = new();

    /// <param name="capacity">Digests remembered at most; rounded down to a power of two. 0 remembers none.</param>
    public RecentDigests(int capacity) =>
        _table = capacity == 0 ? [] : new ChunkDigest[1 << System.Numerics.BitOperations.Log2((uint)capacity)];

    public bool Contains(in ChunkDigest digest)
    {
        if (_table.Length == 0)
        {
            return false;
        }

        lock (_lock)
        {
            return _table[SlotOf(digest)] == digest;
        }
    }

    /// <summary>Only for chunks whose frame was handed to a connection, or which the repository holds.</summary>
    public void Add(in ChunkDigest digest)
    {
        if (_table.Length > 0)
        {
            lock (_lock)
            {
                _table[SlotOf(digest)] = digest;
            }
        }
    }

    private int SlotOf(in ChunkDigest digest) => digest.GetHashCode() & (_table.Length - 1);
}
