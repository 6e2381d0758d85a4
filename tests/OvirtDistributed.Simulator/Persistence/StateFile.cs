// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Persistence;

/// <summary>The file <c>engine.json</c> of a data directory. It is replaced in one step, so that it is always one moment's.</summary>
internal sealed class StateFile(string dataDirectory)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PreferredObjectCreationHandling = JsonObjectCreationHandling.Populate,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new WireNodeConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { LeaveOutDerived } },
    };

    private readonly string _path = Path.Combine(dataDirectory, "engine.json");

    /// <exception cref="InvalidOperationException">There is a file that cannot be used, or disks without one.</exception>
    public SavedState? Load()
    {
        if (!File.Exists(_path))
        {
            var images = Path.Combine(dataDirectory, "images");
            return Directory.Exists(images) && Directory.EnumerateDirectories(images).Any()
                ? throw new InvalidOperationException($"{dataDirectory} holds disks, but no engine.json that tells whose they are. Choose an empty directory, or remove its content.")
                : null;
        }

        try
        {
            var state = JsonSerializer.Deserialize<SavedState>(File.ReadAllBytes(_path), Json);
            return state is { Version: SavedState.CurrentVersion }
                ? state
                : throw new InvalidOperationException($"{_path} was written by another version of the simulator ({state?.Version}). Choose an empty directory, or remove its content.");
        }
        catch (JsonException e)
        {
            throw new InvalidOperationException($"{_path} cannot be read: {e.Message} Choose an empty directory, or remove its content.", e);
        }
    }

    public static byte[] Serialize(SavedState state) => JsonSerializer.SerializeToUtf8Bytes(state, Json);

    public async Task WriteAsync(byte[] content, CancellationToken cancellationToken)
    {
        await File.WriteAllBytesAsync(_path + ".new", content, cancellationToken);
        File.Move(_path + ".new", _path, overwrite: true);
    }

    /// <summary>What is computed from the rest is not kept; collections, which have no setter either, are.</summary>
    private static void LeaveOutDerived(JsonTypeInfo type)
    {
        foreach (var property in type.Properties.Where(p => p.Set is null && !IsCollection(p.PropertyType)).ToList())
        {
            type.Properties.Remove(property);
        }
    }

    private static bool IsCollection(Type type) => type != typeof(string) && typeof(System.Collections.IEnumerable).IsAssignableFrom(type);

    private sealed class WireNodeConverter : JsonConverter<WireNode>
    {
        public override WireNode Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using var document = JsonDocument.ParseValue(ref reader);
            return Node(document.RootElement);
        }

        public override void Write(Utf8JsonWriter writer, WireNode value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            writer.WriteString("name", value.Name);
            writer.WriteNumber("kind", (int)value.Kind);
            if (value.Text is { } text)
            {
                writer.WriteString("text", text);
            }

            if (value.Attributes.Count > 0)
            {
                writer.WriteStartObject("attributes");
                foreach (var (name, attribute) in value.Attributes)
                {
                    writer.WriteString(name, attribute);
                }

                writer.WriteEndObject();
            }

            if (value.Children.Count > 0)
            {
                writer.WriteStartArray("children");
                foreach (var child in value.Children)
                {
                    Write(writer, child, options);
                }

                writer.WriteEndArray();
            }

            writer.WriteEndObject();
        }

        private static WireNode Node(JsonElement element)
        {
            var node = new WireNode(
                element.GetProperty("name").GetString()!,
                (WireKind)element.GetProperty("kind").GetInt32(),
                element.TryGetProperty("text", out var text) ? text.GetString() : null);
            if (element.TryGetProperty("attributes", out var attributes))
            {
                foreach (var attribute in attributes.EnumerateObject())
                {
                    node.Attr(attribute.Name, attribute.Value.GetString());
                }
            }

            return element.TryGetProperty("children", out var children) ? node.AddAll(children.EnumerateArray().Select(Node)) : node;
        }
    }
}
