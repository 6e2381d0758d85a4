// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks.Report;

/// <summary>What was measured, by contender and quantity; one value a round.</summary>
internal sealed class Samples
{
    private readonly Dictionary<(string Contender, string Quantity), List<double>> _values = [];

    public void Add(string contender, string quantity, double value)
    {
        if (!_values.TryGetValue((contender, quantity), out var values))
        {
            _values.Add((contender, quantity), values = []);
        }

        values.Add(value);
    }

    /// <summary>Null when it was not measured.</summary>
    public double? Median(string contender, string quantity)
    {
        if (!_values.TryGetValue((contender, quantity), out var values))
        {
            return null;
        }

        var sorted = values.Order().ToList();
        var middle = sorted.Count / 2;
        return sorted.Count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
