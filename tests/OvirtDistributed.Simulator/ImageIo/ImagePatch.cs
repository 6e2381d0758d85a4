// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>The body of a PATCH: zero a range, or flush.</summary>
internal sealed record ImagePatch(bool Flush, bool IsZero, long OffsetBytes, long SizeBytes)
{
    /// <exception cref="ImageIoRefusal">400, with the real daemon's words.</exception>
    public static ImagePatch Parse(ReadOnlyMemory<byte> body)
    {
        JsonElement message;
        try
        {
            message = JsonSerializer.Deserialize<JsonElement>(body.Span);
        }
        catch (JsonException failure)
        {
            throw ImageIoRefusal.BadRequest($"Invalid JSON message {failure.Message}");
        }

        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("op", out var operation))
        {
            throw ImageIoRefusal.BadRequest("Missing required value for op");
        }

        return operation.ToString() switch
        {
            "flush" => new ImagePatch(Flush: true, IsZero: false, 0, 0),
            "zero" => new ImagePatch(Boolean(message, "flush"), IsZero: true, Integer(message, "offset", required: false), Integer(message, "size", required: true)),
            var other => throw ImageIoRefusal.BadRequest($"Unsupported value '{other}' for 'op', expecting one of ['flush', 'zero']"),
        };
    }

    private static long Integer(JsonElement message, string name, bool required)
    {
        if (!message.TryGetProperty(name, out var value))
        {
            return required ? throw ImageIoRefusal.BadRequest($"Missing required value for '{name}'") : 0;
        }

        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt64(out var number))
        {
            throw ImageIoRefusal.BadRequest($"Integer required {value.GetRawText()}");
        }

        return number >= 0 ? number : throw ImageIoRefusal.BadRequest($"Invalid value {number} < 0");
    }

    private static bool Boolean(JsonElement message, string name)
    {
        if (!message.TryGetProperty(name, out var value))
        {
            return false;
        }

        return value.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? value.GetBoolean()
            : throw ImageIoRefusal.BadRequest($"Boolean required {value.GetRawText()}");
    }
}
