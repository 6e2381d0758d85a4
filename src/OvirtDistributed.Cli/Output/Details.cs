// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Cli.Output;

/// <summary>The page of a single thing: names and values, one below the other.</summary>
internal sealed class Details
{
    private readonly List<(string Name, Cell Value)> _lines = [];

    public Details Add(string name, Cell value)
    {
        _lines.Add((name, value));
        return this;
    }

    /// <summary>Leaves the line out when there is nothing to say.</summary>
    public Details AddIfSet(string name, string? value, Tone tone = Tone.Plain) =>
        string.IsNullOrEmpty(value) ? this : Add(name, new Cell(value, tone));

    public void WriteTo(OutputWriter output)
    {
        var width = _lines.Max(line => line.Name.Length) + 1;
        foreach (var (name, value) in _lines)
        {
            output.Line(new StyledLine().Add((name + ":").PadRight(width + 1), Tone.Faint).Add(value.Text, value.Tone));
        }
    }
}
