// SPDX-License-Identifier: Apache-2.0

using Spectre.Console;

namespace OvirtDistributed.Cli.Output;

/// <summary>Aligned columns with a heading. Never wraps or cuts: a line of output is a row, also for grep and awk.</summary>
internal sealed class TextTable
{
    private readonly string[] _headings;
    private readonly bool[] _right;
    private readonly List<Cell[]> _rows = [];

    /// <param name="headings">A heading that begins with <c>&gt;</c> makes a column that is aligned to the right.</param>
    public TextTable(params string[] headings)
    {
        _right = [.. headings.Select(heading => heading.StartsWith('>'))];
        _headings = [.. headings.Select(heading => heading.TrimStart('>'))];
    }

    public int RowCount => _rows.Count;

    public TextTable Add(params Cell[] cells)
    {
        if (cells.Length != _headings.Length)
        {
            throw new ArgumentException($"{cells.Length} cells for {_headings.Length} columns.");
        }

        _rows.Add(cells);
        return this;
    }

    public void WriteTo(OutputWriter output)
    {
        var widths = _headings.Select((heading, column) => _rows.Select(row => Width(row[column].Text)).Append(Width(heading)).Max()).ToArray();
        WriteRow(output, [.. _headings.Select(heading => new Cell(heading, Tone.Heading))], widths);
        foreach (var row in _rows)
        {
            WriteRow(output, row, widths);
        }
    }

    /// <summary>Cells of the terminal, which are two for wide characters.</summary>
    public static int Width(string text) => text.GetCellWidth();

    private void WriteRow(OutputWriter output, Cell[] cells, int[] widths)
    {
        var line = new StyledLine();
        for (var column = 0; column < cells.Length; column++)
        {
            var padding = new string(' ', widths[column] - Width(cells[column].Text));
            var last = column == cells.Length - 1;
            line.Add(column == 0 ? "" : "  ");
            line.Add(_right[column] ? padding : "").Add(cells[column].Text, cells[column].Tone).Add(_right[column] || last ? "" : padding);
        }

        output.Line(line);
    }
}
