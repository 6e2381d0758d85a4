// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Google.Protobuf;

namespace OvirtDistributed.Cli.Output;

/// <summary>The shape of every list: an object with one array, named after the things in it.</summary>
internal static class JsonLists
{
    public static void Write(Utf8JsonWriter writer, string name, IEnumerable<IMessage> items)
    {
        writer.WriteStartObject();
        WriteArray(writer, name, items);
        writer.WriteEndObject();
    }

    public static void WriteArray(Utf8JsonWriter writer, string name, IEnumerable<IMessage> items)
    {
        writer.WriteStartArray(name);
        foreach (var item in items)
        {
            ProtoJson.Write(writer, item);
        }

        writer.WriteEndArray();
    }
}
