// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>The newest index entries. Open addressing over plain structs: no allocation per entry. Not thread-safe.</summary>
internal sealed class MemoryTable
{
    private const int SmallestCapacity = 1024;

    private IndexEntry[] _slots = new IndexEntry[SmallestCapacity];

    public int Count { get; private set; }

    /// <summary>Content and frame bytes of the entries; what a replacement changes is not followed.</summary>
    public long PlainBytes { get; private set; }

    public long StoredBytes { get; private set; }

    public List<PackCoverage> Coverage { get; } = [];

    public bool IsEmpty => Count == 0 && Coverage.Count == 0;

    /// <summary>Adds an entry; a newer one replaces an older one of the same key.</summary>
    public void Put(in IndexEntry entry)
    {
        if ((Count + 1) * 4L > _slots.Length * 3L)
        {
            Grow();
        }

        if (Place(_slots, entry))
        {
            Count++;
            PlainBytes += entry.PlainLength;
            StoredBytes += entry.FrameLength;
        }
    }

    public bool TryFind(in ChunkDigest digest, out IndexEntry entry)
    {
        var mask = _slots.Length - 1;
        var high = digest.KeyHigh;
        var low = digest.KeyLow;
        for (var i = Home(low, mask); ; i = (i + 1) & mask)
        {
            ref readonly var slot = ref _slots[i];
            if (slot.IsNone || (slot.KeyLow == low && slot.KeyHigh == high))
            {
                entry = slot;
                return !slot.IsNone;
            }
        }
    }

    public IndexEntry[] ToSortedArray()
    {
        var entries = new IndexEntry[Count];
        var next = 0;
        foreach (ref readonly var slot in _slots.AsSpan())
        {
            if (!slot.IsNone)
            {
                entries[next++] = slot;
            }
        }

        Array.Sort(entries, static (a, b) => a.CompareKey(b));
        return entries;
    }

    private static int Home(ulong low, int mask) => (int)low & mask;

    private static bool Place(IndexEntry[] slots, in IndexEntry entry)
    {
        var mask = slots.Length - 1;
        for (var i = Home(entry.KeyLow, mask); ; i = (i + 1) & mask)
        {
            if (slots[i].IsNone)
            {
                slots[i] = entry;
                return true;
            }

            if (slots[i].CompareKey(entry) == 0)
            {
                slots[i] = entry;
                return false;
            }
        }
    }

    private void Grow()
    {
        var slots = new IndexEntry[_slots.Length * 2];
        foreach (ref readonly var slot in _slots.AsSpan())
        {
            if (!slot.IsNone)
            {
                Place(slots, slot);
            }
        }

        _slots = slots;
    }
}
