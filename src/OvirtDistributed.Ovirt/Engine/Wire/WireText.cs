// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>Reads a scalar of the engine's JSON as text: integers and booleans come as strings, but numbers and literals are taken too.</summary>
internal static class WireText
{
    public static string? Read(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return null;
            case JsonTokenType.String:
                try
                {
                    return reader.GetString();
                }
                catch (InvalidOperationException exception)
                {
                    throw new JsonException("A text is not valid UTF-8.", exception);
                }

            case JsonTokenType.Number:
                return Encoding.ASCII.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
            case JsonTokenType.True:
                return "true";
            case JsonTokenType.False:
                return "false";
            default:
                throw new JsonException($"Expected a text, number or boolean, found {reader.TokenType}.");
        }
    }

    public static long? ReadInteger(ref Utf8JsonReader reader)
    {
        var text = Read(ref reader);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw new JsonException($"Expected a whole number of 64 bits, found '{Shorten(text)}'.");
    }

    public static bool? ReadBoolean(ref Utf8JsonReader reader) => Read(ref reader)?.ToUpperInvariant() switch
    {
        null or "" => null,
        "TRUE" or "1" => true,
        "FALSE" or "0" => false,
        var other => throw new JsonException($"Expected true or false, found '{Shorten(other)}'."),
    };

    public static DateTimeOffset? ReadTime(ref Utf8JsonReader reader)
    {
        var text = Read(ref reader);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var milliseconds))
        {
            return milliseconds >= DateTimeOffset.MinValue.ToUnixTimeMilliseconds() && milliseconds <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
                ? DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
                : throw new JsonException($"Expected milliseconds since 1970, found '{Shorten(text)}'.");
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new JsonException($"Expected a time, found '{Shorten(text)}'.");
    }

    /// <summary>Keeps a wrong value short in messages.</summary>
    public static string Shorten(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
