// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Repository.Store.Rewriting;

/// <summary>Keeps the ranges that are most worth being written anew, in bounded memory.</summary>
internal sealed class RewriteSelection
{
    /// <summary>Ranges kept: some MiB here, and a message of at most two.</summary>
    public const int MostRanges = 96 << 10;

    // The least worth comes out first.
    private readonly PriorityQueue<DiskRange, double> _best = new();

    public void Add(DiskRange range, double score)
    {
        if (_best.Count < MostRanges)
        {
            _best.Enqueue(range, score);
        }
        else
        {
            _best.EnqueueDequeue(range, score);
        }
    }

    /// <summary>The best that fit, ascending, neighbours joined. Empties the selection.</summary>
    public List<DiskRange> Take(long budget)
    {
        var ranges = new List<DiskRange>(_best.Count);
        while (_best.TryDequeue(out var range, out _))
        {
            ranges.Add(range);
        }

        var taken = new List<DiskRange>();
        for (var i = ranges.Count - 1; i >= 0 && ranges[i].Length <= budget; i--)
        {
            budget -= ranges[i].Length;
            taken.Add(ranges[i]);
        }

        taken.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        return Join(taken);
    }

    private static List<DiskRange> Join(List<DiskRange> ranges)
    {
        var joined = new List<DiskRange>();
        foreach (var range in ranges)
        {
            if (joined.Count > 0 && joined[^1].End == range.Offset)
            {
                joined[^1] = joined[^1] with { Length = joined[^1].Length + range.Length };
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }
}
