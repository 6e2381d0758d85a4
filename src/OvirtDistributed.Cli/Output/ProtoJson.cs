// SPDX-License-Identifier: Apache-2.0

using System.Collections;
using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace OvirtDistributed.Cli.Output;

/// <summary>
/// The JSON of the CLI, made from the messages of the admin API: every field under its name in the .proto, always present.
/// Numbers are numbers (a byte count stays exact up to 8 PiB in any reader), an enum value is its last word in lower case, a time is
/// RFC 3339 in UTC, a duration is seconds, bytes are hexadecimal, and an absent message or time is null.
/// </summary>
internal static class ProtoJson
{
    public static void Write(Utf8JsonWriter writer, IMessage message)
    {
        switch (message)
        {
            case Timestamp time:
                writer.WriteStringValue(TimeText.Absolute(time.ToDateTimeOffset()));
                return;
            case Duration duration:
                writer.WriteNumberValue(Math.Round(duration.ToTimeSpan().TotalSeconds, 3));
                return;
        }

        writer.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            writer.WritePropertyName(field.Name);
            WriteField(writer, field, field.Accessor.GetValue(message));
        }

        writer.WriteEndObject();
    }

    private static void WriteField(Utf8JsonWriter writer, FieldDescriptor field, object? value)
    {
        if (field.IsMap)
        {
            writer.WriteStartObject();
            var valueField = field.MessageType.FindFieldByNumber(2);
            foreach (DictionaryEntry entry in (IDictionary)value!)
            {
                writer.WritePropertyName(Convert.ToString(entry.Key, CultureInfo.InvariantCulture)!);
                WriteValue(writer, valueField, entry.Value);
            }

            writer.WriteEndObject();
        }
        else if (field.IsRepeated)
        {
            writer.WriteStartArray();
            foreach (var item in (IEnumerable)value!)
            {
                WriteValue(writer, field, item);
            }

            writer.WriteEndArray();
        }
        else
        {
            WriteValue(writer, field, value);
        }
    }

    private static void WriteValue(Utf8JsonWriter writer, FieldDescriptor field, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case IMessage message:
                Write(writer, message);
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case ByteString bytes:
                writer.WriteStringValue(Convert.ToHexStringLower(bytes.Span));
                break;
            case System.Enum:
                writer.WriteStringValue(EnumWord(field.EnumType, Convert.ToInt32(value, CultureInfo.InvariantCulture)));
                break;
            case double or float:
                writer.WriteNumberValue(Convert.ToDouble(value, CultureInfo.InvariantCulture));
                break;
            default:
                writer.WriteNumberValue(Convert.ToDecimal(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    /// <summary><c>JOB_OUTCOME_SUCCEEDED</c> of <c>JobOutcome</c> is "succeeded"; a value newer than this program is its number.</summary>
    private static string EnumWord(EnumDescriptor type, int number)
    {
        var name = type.FindValueByNumber(number)?.Name;
        if (name is null)
        {
            return number.ToString(CultureInfo.InvariantCulture);
        }

        // The zero value ends with _UNSPECIFIED; what stands in front of it is the prefix of all values.
        var zero = type.FindValueByNumber(0)?.Name ?? "";
        const string Suffix = "UNSPECIFIED";
        var prefix = zero.EndsWith(Suffix, StringComparison.Ordinal) ? zero[..^Suffix.Length] : "";
        return (name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : name).ToLowerInvariant();
    }
}
