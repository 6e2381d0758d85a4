// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Spectre.Console;

namespace OvirtDistributed.Cli.Output;

/// <summary>A line of text whose pieces have a tone.</summary>
internal sealed class StyledLine
{
    private readonly StringBuilder _plain = new();
    private readonly StringBuilder _markup = new();

    public string Plain => _plain.ToString();

    /// <summary>The line in the markup of the console library.</summary>
    public string Markup => _markup.ToString();

    public StyledLine Add(string text, Tone tone = Tone.Plain)
    {
        _plain.Append(text);
        var escaped = text.EscapeMarkup();
        _markup.Append(StyleOf(tone) is { } style && text.Length > 0 ? $"[{style}]{escaped}[/]" : escaped);
        return this;
    }

    private static string? StyleOf(Tone tone) => tone switch
    {
        Tone.Heading => "bold",
        Tone.Good => "green",
        Tone.Attention => "yellow",
        Tone.Bad => "red",
        Tone.Faint => "grey",
        _ => null,
    };
}
