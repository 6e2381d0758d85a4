// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// The large buffers of a process, kept between tasks: they live on the large object heap, where giving each task new ones would leave
/// the old ones to a full collection. Keeps at most what all slots together use at a time.
/// </summary>
internal sealed class BufferPool(int keep)
{
    private readonly ConcurrentDictionary<int, ConcurrentBag<byte[]>> _free = new();

    /// <summary>A buffer of exactly this length. Its content is arbitrary.</summary>
    public byte[] Rent(int length) =>
        _free.TryGetValue(length, out var bag) && bag.TryTake(out var buffer) ? buffer : GC.AllocateUninitializedArray<byte>(length);

    /// <summary>Gives a buffer back. Its owner must not touch it any more.</summary>
    public void Return(byte[] buffer)
    {
        var bag = _free.GetOrAdd(buffer.Length, _ => []);
        if (bag.Count < keep)
        {
            bag.Add(buffer);
        }
    }
}
