// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>Lays ranges over a list that covers the disk: what of the list is inside them goes one way, the rest the other.</summary>
/// <param name="ranges">Ascending and disjoint.</param>
/// <param name="inside">Takes the parts inside, in order with those outside.</param>
/// <param name="outside">Takes the others.</param>
internal sealed class RangeOverlay(IReadOnlyList<DiskRange> ranges, Action<WorkRange> inside, Action<WorkRange> outside)
{
    private int _next;

    /// <summary>Takes the next range of the list; ascending and without gaps.</summary>
    public void Add(WorkRange range)
    {
        while (range.Length > 0)
        {
            while (_next < ranges.Count && ranges[_next].End <= range.Offset)
            {
                _next++;
            }

            if (_next == ranges.Count || ranges[_next].Offset >= range.End)
            {
                outside(range);
                return;
            }

            var over = ranges[_next];
            if (over.Offset > range.Offset)
            {
                range = range.SplitAt(over.Offset, out var before);
                outside(before);
            }

            range = range.SplitAt(Math.Min(over.End, range.End), out var part);
            inside(part);
        }
    }
}
