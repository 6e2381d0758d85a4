// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>The live packs and the places in them that are quarantined. Safe for concurrent use.</summary>
internal sealed class PackTable
{
    private readonly ConcurrentDictionary<uint, long> _live = [];
    private readonly ConcurrentDictionary<(uint Pack, uint Offset), byte> _quarantined = [];
    private readonly ConcurrentDictionary<(uint Pack, uint Offset), byte> _reported = [];
    private readonly ConcurrentDictionary<uint, uint> _truncatedAt = [];
    private readonly ConcurrentDictionary<uint, DateTimeOffset> _doomed = [];
    private volatile ConcurrentDictionary<uint, byte>? _touched;
    private volatile bool _missingKnown;

    public int Count => _live.Count;

    /// <summary>Whether anything is known to be damaged or missing: maps of committed points are not trusted unseen then.</summary>
    public bool HasDamage => _missingKnown || !_quarantined.IsEmpty || !_reported.IsEmpty || !_truncatedAt.IsEmpty;

    public int QuarantinedCount => _quarantined.Count + _reported.Count;

    /// <summary>Frames that are bad by a reader's word alone.</summary>
    public int ReportedCount => _reported.Count;

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

    /// <summary>Bytes of a live pack; 0 when it is none.</summary>
    public long LengthOf(uint pack) => _live.GetValueOrDefault(pack);

    /// <summary>The pack is gone, and with it everything that was known about places in it.</summary>
    public void Remove(uint pack)
    {
        _live.TryRemove(pack, out _);
        _doomed.TryRemove(pack, out _);
        _truncatedAt.TryRemove(pack, out _);
        Forget(_quarantined, pack);
        Forget(_reported, pack);
    }

    /// <summary>Notes from now on which packs are used (see <see cref="Touch"/>).</summary>
    public void BeginRound() => _touched = [];

    public void EndRound() => _touched = null;

    /// <summary>Notes that somebody is about to rely on frames of this pack. Look after it whether they are still usable.</summary>
    public void Touch(uint pack) => _touched?.TryAdd(pack, 0);

    public bool IsTouched(uint pack) => _touched?.ContainsKey(pack) ?? true;

    /// <summary>Relies on a frame: false when its pack became dispensable at this moment, and the frame counts as absent.</summary>
    public bool Hold(IndexEntry entry)
    {
        Touch(entry.Pack);
        return IsUsable(entry);
    }

    /// <summary>Makes a pack dispensable: none of its frames is usable any more. False, and no change, when it was used since the round began.</summary>
    public bool TryDoom(uint pack, DateTimeOffset since)
    {
        if (IsTouched(pack))
        {
            return false;
        }

        // Looked at once more afterwards: of two that meet here, one sees the other.
        _doomed[pack] = since;
        if (!IsTouched(pack))
        {
            return true;
        }

        Spare(pack);
        return false;
    }

    /// <summary>As found at the opening.</summary>
    public void Doom(uint pack, DateTimeOffset since) => _doomed[pack] = since;

    public void Spare(uint pack) => _doomed.TryRemove(pack, out _);

    public bool IsDoomed(uint pack) => _doomed.ContainsKey(pack);

    /// <summary>The dispensable packs and since when they are.</summary>
    public List<(uint Pack, DateTimeOffset Since)> Doomed() => [.. _doomed.Select(pack => (pack.Key, pack.Value))];

    public bool IsLive(uint pack) => _live.ContainsKey(pack);

    public void Quarantine(uint pack, uint offset) => _quarantined[(pack, offset)] = 0;

    /// <summary>Notes that a reader calls a frame bad: it counts as absent for whoever could send it again, and is still read.</summary>
    public void Report(uint pack, uint offset) => _reported[(pack, offset)] = 0;

    /// <summary>Notes that a pack has lost what it held from <paramref name="offset"/> on: index runs may still name it.</summary>
    public void Truncate(uint pack, uint offset) =>
        _truncatedAt.AddOrUpdate(pack, offset, (_, known) => Math.Min(known, offset));

    /// <summary>Whether a pack is known to have lost its end, or all.</summary>
    public bool IsCutOff(uint pack) => _truncatedAt.ContainsKey(pack);

    /// <summary>Packs that are known to have lost their end, or all.</summary>
    public int CutOffCount => _truncatedAt.Count;

    /// <summary>Notes that points need frames that are in no pack.</summary>
    public void NoteMissing() => _missingKnown = true;

    /// <summary>Invariant 6: the frame's pack is live, and its place is neither quarantined nor cut off.</summary>
    /// <remarks>Every hit comes here. Nothing asks <c>IsEmpty</c>: of an empty dictionary it takes all locks, a look-up takes none.</remarks>
    public bool IsUsable(IndexEntry entry) => IsReadable(entry) && !_reported.ContainsKey((entry.Pack, entry.Offset));

    /// <summary>The same for a reader, who is also given what another reader has reported when there is no other place.</summary>
    public bool IsReadable(IndexEntry entry) =>
        _live.ContainsKey(entry.Pack)
        && !_doomed.ContainsKey(entry.Pack)
        && !_quarantined.ContainsKey((entry.Pack, entry.Offset))
        && (!_truncatedAt.TryGetValue(entry.Pack, out var end) || entry.Offset < end);

    private static void Forget(ConcurrentDictionary<(uint Pack, uint Offset), byte> places, uint pack)
    {
        foreach (var place in places.Keys)
        {
            if (place.Pack == pack)
            {
                places.TryRemove(place, out _);
            }
        }
    }
}
