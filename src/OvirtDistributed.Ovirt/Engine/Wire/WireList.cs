// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>A list as the engine writes it: an object with one key, the singular element name.</summary>
/// <remarks>Null, <c>{}</c>, <c>[]</c> and the empty text all mean empty; a bare array and a single object are taken too.</remarks>
[JsonConverter(typeof(WireListConverterFactory))]
internal sealed class WireList<T>(List<T> items)
    where T : class
{
    public List<T> Items => items;
}

internal sealed class WireListConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) =>
        typeToConvert.IsGenericType && typeToConvert.GetGenericTypeDefinition() == typeof(WireList<>);

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(WireListConverter<>).MakeGenericType(typeToConvert.GetGenericArguments()))!;
}

internal sealed class WireListConverter<T> : JsonConverter<WireList<T>>
    where T : class
{
    public override bool HandleNull => true;

    public override WireList<T> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var items = new List<T>();
        var type = (JsonTypeInfo<T>)options.GetTypeInfo(typeof(T));
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
            case JsonTokenType.String when reader.ValueSpan.IsEmpty && !reader.HasValueSequence:
                break;
            case JsonTokenType.StartArray:
                ReadArray(ref reader, items, type);
                break;
            case JsonTokenType.StartObject:
                ReadObject(ref reader, items, type);
                break;
            default:
                throw new JsonException($"Expected a list, found {reader.TokenType}.");
        }

        return new WireList<T>(items);
    }

    public override void Write(Utf8JsonWriter writer, WireList<T> value, JsonSerializerOptions options) => throw new NotSupportedException();

    private static void ReadObject(ref Utf8JsonReader reader, List<T> items, JsonTypeInfo<T> type)
    {
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            // What any list may carry beside its elements.
            var isOther = reader.ValueTextEquals("actions"u8) || reader.ValueTextEquals("link"u8) || reader.ValueTextEquals("href"u8)
                || reader.ValueTextEquals("size"u8) || reader.ValueTextEquals("total"u8) || reader.ValueTextEquals("active"u8);
            reader.Read();
            if (isOther)
            {
                reader.Skip();
            }
            else if (reader.TokenType == JsonTokenType.StartArray)
            {
                ReadArray(ref reader, items, type);
            }
            else if (reader.TokenType != JsonTokenType.Null)
            {
                ReadItem(ref reader, items, type);
            }
        }
    }

    private static void ReadArray(ref Utf8JsonReader reader, List<T> items, JsonTypeInfo<T> type)
    {
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            ReadItem(ref reader, items, type);
        }
    }

    private static void ReadItem(ref Utf8JsonReader reader, List<T> items, JsonTypeInfo<T> type)
    {
        var item = JsonSerializer.Deserialize(ref reader, type);
        if (item is not null)
        {
            items.Add(item);
        }
    }
}
