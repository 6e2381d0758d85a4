// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Errors;

namespace OvirtDistributed.Ovirt.ImageIo;

/// <summary>Reads the daemon's small JSON answers.</summary>
internal static class ImageReplies
{
    public static ImageFeatures ReadFeatures(byte[] body) => Parse(body, "OPTIONS", static root =>
    {
        var features = new HashSet<string>(StringComparer.Ordinal);
        if (root.TryGetProperty("features", out var list) && list.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in list.EnumerateArray())
            {
                features.Add(item.GetString() ?? string.Empty);
            }
        }

        return new ImageFeatures
        {
            Checksum = features.Contains("checksum"),
            Extents = features.Contains("extents"),
            Flush = features.Contains("flush"),
            Zero = features.Contains("zero"),
            MaxReaders = Count(root, "max_readers"),
            MaxWriters = Count(root, "max_writers"),
        };
    });

    public static ImageChecksum ReadChecksum(byte[] body) => Parse(body, "checksum", static root => new ImageChecksum(
        root.GetProperty("algorithm").GetString() ?? string.Empty,
        root.GetProperty("block_size").GetInt64(),
        root.GetProperty("checksum").GetString() is { Length: > 0 } digest ? digest : throw new FormatException("the checksum is empty")));

    private static int Count(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var count) ? Math.Clamp(count, 1, 1024) : 1;

    private static T Parse<T>(byte[] body, string what, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? read(document.RootElement)
                : throw new FormatException("it is not an object");
        }
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException or KeyNotFoundException)
        {
            // The last two are what JsonElement throws for a value of another kind and for a missing one.
            throw new OvirtException(OvirtError.InvalidResponse, $"ImageIO's {what} answer could not be understood: {exception.Message}", exception);
        }
    }
}
