// SPDX-License-Identifier: Apache-2.0

using System.Text;

namespace OvirtDistributed.Cli.Output;

/// <summary>One value of a table.</summary>
internal readonly record struct Cell
{
    public Cell(string? text, Tone tone = Tone.Plain)
    {
        var missing = string.IsNullOrEmpty(text);
        Text = missing ? "-" : Printable(text!);
        Tone = missing ? Tone.Faint : tone;
    }

    public string Text { get; }

    public Tone Tone { get; }

    public static implicit operator Cell(string? text) => new(text);

    /// <summary>Text without control characters: names come from managers and guests, and must not steer the operator's terminal.</summary>
    public static string Printable(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\0', '\u001f') && !text.AsSpan().ContainsAnyInRange('\u007f', '\u009f'))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            clean.Append(c is '\n' or '\t' or '\r' ? ' ' : char.IsControl(c) ? '\ufffd' : c);
        }

        return clean.ToString();
    }
}
