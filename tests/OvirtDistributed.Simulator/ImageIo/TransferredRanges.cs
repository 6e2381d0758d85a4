// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>Union of byte ranges: a range moved twice counts once.</summary>
internal sealed class TransferredRanges
{
    private readonly SortedDictionary<long, long> _ends = [];

    public long Sum { get; private set; }

    public TransferredRanges Clone()
    {
        var copy = new TransferredRanges { Sum = Sum };
        foreach (var (start, end) in _ends)
        {
            copy._ends.Add(start, end);
        }

        return copy;
    }

    public void Add(long start, long length)
    {
        if (length <= 0)
        {
            return;
        }

        var end = start + length;
        foreach (var (otherStart, otherEnd) in _ends.TakeWhile(range => range.Key <= end).Where(range => range.Value >= start).ToList())
        {
            _ = _ends.Remove(otherStart);
            Sum -= otherEnd - otherStart;
            start = Math.Min(start, otherStart);
            end = Math.Max(end, otherEnd);
        }

        _ends[start] = end;
        Sum += end - start;
    }
}
