// SPDX-License-Identifier: Apache-2.0

using System.Numerics;
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// The digests this session sent or was told about last: their chunks need neither be asked for nor sent again.
/// A direct-mapped table of fixed size; a newer digest in the same place replaces the older one. Thread-safe until it is disposed.
/// </summary>
internal sealed class RecentDigests : IDisposable
{
    private readonly PageBuffer? _memory;
    private readonly int _mask;
    private readonly Lock _lock = new();

    /// <param name="capacity">Digests remembered at most; rounded down to a power of two. 0 remembers none.</param>
    public RecentDigests(int capacity)
    {
        if (capacity > 0)
        {
            var slots = 1 << BitOperations.Log2((uint)capacity);
            _mask = slots - 1;
            _memory = new PageBuffer(slots * ChunkDigest.Size);
        }
    }

    // New pages are zero, which is the digest of no chunk.
    private Span<ChunkDigest> Table => MemoryMarshal.Cast<byte, ChunkDigest>(_memory!.GetSpan());

    public bool Contains(in ChunkDigest digest)
    {
        if (_memory is null)
        {
            return false;
        }

        lock (_lock)
        {
            return Table[SlotOf(digest)] == digest;
        }
    }

    /// <summary>Only for chunks whose frame was handed to a connection, or which the repository holds.</summary>
    public void Add(in ChunkDigest digest)
    {
        if (_memory is not null)
        {
            lock (_lock)
            {
                Table[SlotOf(digest)] = digest;
            }
        }
    }

    public void Dispose() => ((IDisposable?)_memory)?.Dispose();

    private int SlotOf(in ChunkDigest digest) => digest.GetHashCode() & _mask;
}
