// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>The live packs and the places in them that are quarantined. Safe for concurrent use.</summary>
internal sealed class PackTable
{
    private readonly ConcurrentDictionary<uint, long> _live = [];
    private readonly ConcurrentDictionary<(uint Pack, uint Offset), byte> _quarantined = [];
    private readonly ConcurrentDictionary<uint, uint> _truncatedAt = [];
    private volatile bool _missingKnown;

    public int Count => _live.Count;

    /// <summary>Whether anything is known to be damaged or missing: maps of committed points are not trusted unseen then.</summary>
    public bool HasDamage => _missingKnown || !_quarantined.IsEmpty || !_truncatedAt.IsEmpty;

    public int QuarantinedCount => _quarantined.Count;

    public long TotalBytes
    {
        get
        {
            var total = 0L;
            foreach (var pack in _live)
            {
                total += pack.Value;
            }

            return total;
        }
    }

    /// <summary>The numbers of the live packs, ascending.</summary>
    public List<uint> Numbers()
    {
        var numbers = _live.Keys.ToList();
        numbers.Sort();
        return numbers;
    }

    public void Set(uint pack, long length) => _live[pack] = length;

    public void Remove(uint pack) => _live.TryRemove(pack, out _);

    public bool IsLive(uint pack) => _live.ContainsKey(pack);

    public void Quarantine(uint pack, uint offset) => _quarantined[(pack, offset)] = 0;

    /// <summary>Notes that a pack has lost what it held from <paramref name="offset"/> on: index runs may still name it.</summary>
    public void Truncate(uint pack, uint offset) =>
        _truncatedAt.AddOrUpdate(pack, offset, (_, known) => Math.Min(known, offset));

    /// <summary>Notes that points need frames that are in no pack.</summary>
    public void NoteMissing() => _missingKnown = true;

    /// <summary>Invariant 6: the frame's pack is live, and its place is neither quarantined nor cut off.</summary>
    public bool IsUsable(IndexEntry entry) =>
        _live.ContainsKey(entry.Pack)
        && (_quarantined.IsEmpty || !_quarantined.ContainsKey((entry.Pack, entry.Offset)))
        && (_truncatedAt.IsEmpty || !_truncatedAt.TryGetValue(entry.Pack, out var end) || entry.Offset < end);
}
