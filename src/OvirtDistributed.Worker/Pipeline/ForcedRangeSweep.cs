// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>Lays forced ranges over the list of changes: inside them the list of zeroes decides, outside the changes do.</summary>
internal sealed class ForcedRangeSweep : IDisposable
{
    private readonly List<DiskRange> _forced;
    private readonly RangeAligner _output;
    private readonly IEnumerator<WorkRange>? _zeroes;
    private int _next;

    /// <param name="forced">Ascending and disjoint.</param>
    /// <param name="zeroes">The whole disk as zero and data ranges; may be null when nothing is forced.</param>
    /// <param name="output">Takes the result.</param>
    public ForcedRangeSweep(List<DiskRange> forced, RangeSpool? zeroes, RangeAligner output)
    {
        _forced = forced;
        _output = output;
        _zeroes = zeroes?.Read().GetEnumerator();
        _zeroes?.MoveNext();
    }

    /// <summary>Takes the next range of the list of changes; ascending and without gaps.</summary>
    public void Add(WorkRange range)
    {
        while (range.Length > 0)
        {
            while (_next < _forced.Count && _forced[_next].End <= range.Offset)
            {
                _next++;
            }

            if (_next == _forced.Count || _forced[_next].Offset >= range.End)
            {
                _output.Add(range);
                return;
            }

            var forced = _forced[_next];
            if (forced.Offset > range.Offset)
            {
                range = Split(range, forced.Offset, out var before);
                _output.Add(before);
            }

            range = Split(range, Math.Min(forced.End, range.End), out var inside);
            AddByZeroes(inside);
        }
    }

    public void Dispose() => _zeroes?.Dispose();

    private static WorkRange Split(WorkRange range, long at, out WorkRange before)
    {
        before = range with { Length = at - range.Offset };
        return range with { Offset = at, Length = range.End - at };
    }

    private void AddByZeroes(WorkRange range)
    {
        while (range.Length > 0)
        {
            while (_zeroes!.Current.End <= range.Offset)
            {
                _zeroes.MoveNext();
            }

            var current = _zeroes.Current;
            range = Split(range, Math.Min(current.End, range.End), out var part);
            _output.Add(part with { Kind = current.Kind });
        }
    }
}
