// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>Lays forced ranges over the list of changes: inside them the list of zeroes decides, outside the changes do.</summary>
internal sealed class ForcedRangeSweep : IDisposable
{
    private readonly RangeOverlay _overlay;
    private readonly RangeAligner _output;
    private readonly IEnumerator<WorkRange>? _zeroes;

    /// <param name="forced">Ascending and disjoint.</param>
    /// <param name="zeroes">The whole disk as zero and data ranges; may be null when nothing is forced.</param>
    /// <param name="output">Takes the result.</param>
    public ForcedRangeSweep(IReadOnlyList<DiskRange> forced, RangeSpool? zeroes, RangeAligner output)
    {
        _overlay = new RangeOverlay(forced, AddByZeroes, output.Add);
        _output = output;
        _zeroes = zeroes?.Read().GetEnumerator();
        _zeroes?.MoveNext();
    }

    /// <summary>Takes the next range of the list of changes; ascending and without gaps.</summary>
    public void Add(WorkRange range) => _overlay.Add(range);

    public void Dispose() => _zeroes?.Dispose();

    private void AddByZeroes(WorkRange range)
    {
        while (range.Length > 0)
        {
            while (_zeroes!.Current.End <= range.Offset)
            {
                _zeroes.MoveNext();
            }

            var current = _zeroes.Current;
            range = range.SplitAt(Math.Min(current.End, range.End), out var part);
            _output.Add(part with { Kind = current.Kind });
        }
    }
}
