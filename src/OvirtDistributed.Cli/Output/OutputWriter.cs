// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Google.Protobuf;
using OvirtDistributed.Cli.Invocation;
using Spectre.Console;

namespace OvirtDistributed.Cli.Output;

/// <summary>Everything a command says: results on standard output, questions and failures on standard error.</summary>
internal sealed class OutputWriter
{
    private readonly CliHost _host;
    private readonly IAnsiConsole? _console;

    /// <param name="host">The streams.</param>
    /// <param name="format">For people or for programs.</param>
    /// <param name="fancy">The terminal takes colours and can be redrawn.</param>
    public OutputWriter(CliHost host, OutputFormat format, bool fancy)
    {
        _host = host;
        IsJson = format == OutputFormat.Json;
        IsFancy = fancy && !IsJson;
        _console = IsFancy ? CreateConsole(host, NoWrap) : null;
    }

    public bool IsJson { get; }

    /// <summary>Colours and a live display are possible.</summary>
    public bool IsFancy { get; }

    private const int NoWrap = 1_000_000;

    /// <summary>A console as wide as the terminal, for what is redrawn in place.</summary>
    public IAnsiConsole CreateLiveConsole() => CreateConsole(_host, Math.Max(20, _host.TerminalWidth - 1));

    public void Line(string text = "") => _host.Out.WriteLine(text);

    public void Line(StyledLine line)
    {
        if (_console is null)
        {
            _host.Out.WriteLine(line.Plain.TrimEnd());
        }
        else
        {
            _console.MarkupLine(line.Markup);
        }
    }

    /// <summary>A remark beside the result: not for programs.</summary>
    public void Note(string text) => _host.Error.WriteLine(Cell.Printable(text));

    public void Heading(string text)
    {
        Line();
        Line(new StyledLine().Add(text, Tone.Heading));
    }

    /// <summary>A response as one JSON document.</summary>
    public void Json(IMessage message) => Json(writer => ProtoJson.Write(writer, message));

    public void Json(Action<Utf8JsonWriter> write) => _host.Out.WriteLine(JsonText.Render(write, indented: true));

    /// <summary>A response as one line, for streams of documents.</summary>
    public void JsonLine(IMessage message)
    {
        _host.Out.WriteLine(JsonText.Render(writer => ProtoJson.Write(writer, message), indented: false));
        _host.Out.Flush();
    }

    public void Failure(Failure failure)
    {
        if (!IsJson)
        {
            _host.Error.WriteLine($"ovd: {string.Join(Environment.NewLine, failure.Message.Split('\n').Select(Cell.Printable))}");
            return;
        }

        _host.Error.WriteLine(JsonText.Render(
            writer =>
            {
                writer.WriteStartObject();
                writer.WriteStartObject("error");
                writer.WriteString("code", failure.Code);
                writer.WriteString("message", failure.Message);
                if (failure.Reason is not null)
                {
                    writer.WriteString("reason", failure.Reason);
                }

                if (failure.Fields.Count > 0)
                {
                    writer.WriteStartArray("fields");
                    failure.Fields.ToList().ForEach(writer.WriteStringValue);
                    writer.WriteEndArray();
                }

                writer.WriteEndObject();
                writer.WriteEndObject();
            },
            indented: false));
    }

    private static IAnsiConsole CreateConsole(CliHost host, int width)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = ColorSystemSupport.Standard,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(host.Out),
        });
        console.Profile.Width = width;
        return console;
    }
}
