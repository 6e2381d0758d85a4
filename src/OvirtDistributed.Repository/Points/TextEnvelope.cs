// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;

namespace OvirtDistributed.Repository.Points;

/// <summary>A text object: one line that says what follows and proves it, then JSON for people and programs (DESIGN.md, layout).</summary>
internal static class TextEnvelope
{
    private const string Prefix = "ovirt-distributed/";
    private const int MaxFirstLine = 1024;

    /// <summary>Makes the object; with the key of an encrypted repository it carries an authentication code.</summary>
    public static byte[] Write<T>(string format, T value, JsonTypeInfo<T> type, int version = 1, ContentKeys? keys = null)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(value, type);
        var mac = keys?.Authenticate(payload) is { } code ? $"\"{Convert.ToHexStringLower(code)}\"" : "null";
        var first = Encoding.UTF8.GetBytes(
            $"{{\"format\":\"{Prefix}{format}\",\"version\":{version},\"length\":{payload.Length},\"crc32c\":\"{Crc32C.Compute(payload):x8}\",\"mac\":{mac}}}\n");
        return [.. first, .. payload, (byte)'\n'];
    }

    /// <summary>Reads and proves an object.</summary>
    /// <param name="name">The object's name, for messages.</param>
    /// <param name="content">Its bytes.</param>
    /// <param name="format">What it must be.</param>
    /// <param name="type">How to read the JSON.</param>
    /// <param name="maxVersion">The newest version this program reads.</param>
    /// <param name="keys">Of an encrypted repository: the authentication code must be there, and hold where the key is at hand.</param>
    /// <exception cref="RepositoryException">Damaged, changed by somebody without the key, or of a newer format.</exception>
    public static T Read<T>(string name, ReadOnlySpan<byte> content, string format, JsonTypeInfo<T> type, int maxVersion = 1, ContentKeys? keys = null)
    {
        var end = content[..Math.Min(content.Length, MaxFirstLine)].IndexOf((byte)'\n');
        if (end < 0)
        {
            throw RepositoryException.Damaged($"{name}: the first line is missing");
        }

        try
        {
            var length = CheckFirstLine(name, content[..end], format, maxVersion, out var checksum, out var mac);
            var payload = content[(end + 1)..];
            if (length < 0 || length > payload.Length || Crc32C.Compute(payload[..length]) != checksum)
            {
                throw RepositoryException.Damaged($"{name}: its checksum does not hold, or it was cut short");
            }

            RequireAuthentic(name, payload[..length], mac, keys);
            return JsonSerializer.Deserialize(payload[..length], type) ?? throw RepositoryException.Damaged($"{name}: it holds nothing");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw RepositoryException.Damaged($"{name}: it is damaged and cannot be read; restore it from a copy ({exception.Message})", exception);
        }
    }

    private static int CheckFirstLine(string name, ReadOnlySpan<byte> line, string format, int maxVersion, out uint checksum, out string? mac)
    {
        var reader = new Utf8JsonReader(line);
        using var document = JsonDocument.ParseValue(ref reader);
        var root = document.RootElement;
        var actual = root.GetProperty("format").GetString();
        if (actual != Prefix + format)
        {
            throw RepositoryException.Damaged($"{name}: it is '{actual}', expected '{Prefix}{format}'");
        }

        var version = root.GetProperty("version").GetInt32();
        if (version < 1)
        {
            throw RepositoryException.Damaged($"{name}: format version {version}; versions start at 1");
        }

        if (version > maxVersion)
        {
            throw new RepositoryException(
                RepositoryError.NewerFormat, $"{name}: format version {version}, this program reads up to {maxVersion}; use a newer program");
        }

        var hex = root.GetProperty("crc32c").GetString() ?? "";
        checksum = uint.TryParse(hex, System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value)
            ? value
            : throw RepositoryException.Damaged($"{name}: '{hex}' is no checksum");
        mac = root.TryGetProperty("mac", out var code) ? code.GetString() : null;
        return root.GetProperty("length").GetInt32();
    }

    private static void RequireAuthentic(string name, ReadOnlySpan<byte> payload, string? mac, ContentKeys? keys)
    {
        if (keys is not { IsEncrypted: true })
        {
            return;
        }

        if (mac is not { Length: 2 * HMACSHA256.HashSizeInBytes })
        {
            throw RepositoryException.Damaged($"{name}: it has no authentication code, in an encrypted repository");
        }

        if (keys.Authenticate(payload) is { } expected && !CryptographicOperations.FixedTimeEquals(expected, Convert.FromHexString(mac)))
        {
            throw RepositoryException.Damaged($"{name}: its authentication code does not hold: it was changed by somebody without the key, or is of another repository");
        }
    }
}
