// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OvirtDistributed.Simulator.Wire;

/// <summary>
/// The JSON form of the engine: no wrapper for the root, lists as an object with one array under the singular name (an empty list is an
/// empty object), integers, booleans and enums as strings, decimals as numbers, dates as milliseconds.
/// </summary>
internal static class JsonWire
{
    public const string MediaType = "application/json";

    private static readonly JsonWriterOptions WriterOptions = new()
    {
        Indented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static byte[] Write(WireNode root)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, WriterOptions))
        {
            WriteValue(writer, root);
        }

        return buffer.ToArray();
    }

    /// <summary>Reads a body; <paramref name="rootName"/> is the name its root would have in XML.</summary>
    /// <exception cref="FormatException">The text is not JSON, or its root is not an object.</exception>
    public static WireNode Read(ReadOnlyMemory<byte> body, string rootName)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new FormatException("The root of the document must be an object.");
            }

            return ReadObject(rootName, document.RootElement);
        }
        catch (JsonException e)
        {
            throw new FormatException(e.Message, e);
        }
    }

    private static void WriteValue(Utf8JsonWriter writer, WireNode node)
    {
        switch (node.Kind)
        {
            case WireKind.Text:
                writer.WriteStringValue(node.Text);
                break;
            case WireKind.Decimal:
                writer.WriteRawValue(node.Text!);
                break;
            case WireKind.Date:
                writer.WriteNumberValue(
                    DateTimeOffset.Parse(node.Text!, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds());
                break;
            default:
                WriteMembers(writer, node);
                break;
        }
    }

    private static void WriteMembers(Utf8JsonWriter writer, WireNode node)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in node.Attributes)
        {
            writer.WriteString(name, value);
        }

        foreach (var group in node.Children.GroupBy(c => c.Name))
        {
            writer.WritePropertyName(group.Key);
            // Links are the one element that repeats directly inside an object.
            if (node.Kind == WireKind.List || group.Key == "link")
            {
                writer.WriteStartArray();
                foreach (var item in group)
                {
                    WriteValue(writer, item);
                }

                writer.WriteEndArray();
            }
            else
            {
                WriteValue(writer, group.First());
            }
        }

        writer.WriteEndObject();
    }

    private static WireNode ReadObject(string name, JsonElement element)
    {
        var isList = WireLists.IsList(name) || HasOneArray(element);
        var node = new WireNode(name, isList ? WireKind.List : WireKind.Object);
        foreach (var property in element.EnumerateObject())
        {
            if (property.Value.ValueKind == JsonValueKind.String && property.Name is "id" or "href" or "rel")
            {
                node.Attr(property.Name, property.Value.GetString());
            }
            else
            {
                ReadMember(node, property.Name, property.Value);
            }
        }

        return node;
    }

    private static void ReadMember(WireNode node, string name, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                node.Add(ReadObject(name, value));
                break;
            case JsonValueKind.Array when WireLists.ItemOf(name) is { } item:
                // A list without its wrapper object; the engine's own form has one, but it costs nothing to understand both.
                var list = new WireNode(name, WireKind.List);
                foreach (var element in value.EnumerateArray())
                {
                    ReadMember(list, item, element);
                }

                node.Add(list);
                break;
            case JsonValueKind.Array:
                foreach (var element in value.EnumerateArray())
                {
                    ReadMember(node, name, element);
                }

                break;
            case JsonValueKind.Null or JsonValueKind.Undefined:
                break;
            case JsonValueKind.String:
                node.Add(name, value.GetString());
                break;
            default:
                // Native numbers and booleans are coerced to text, as the engine's mapper does.
                node.Add(name, value.GetRawText());
                break;
        }
    }

    private static bool HasOneArray(JsonElement element)
    {
        var properties = 0;
        var arrays = 0;
        foreach (var property in element.EnumerateObject())
        {
            properties++;
            arrays += property.Value.ValueKind == JsonValueKind.Array && property.Name != "link" ? 1 : 0;
        }

        return properties == 1 && arrays == 1;
    }
}
