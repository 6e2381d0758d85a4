// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Cli.Invocation;

namespace OvirtDistributed.Cli.Connection;

/// <summary>The operator's configuration file: a flat JSON object of text values.</summary>
internal static class ConfigFile
{
    private static readonly string[] Keys = ["server", "tls_cert", "tls_key", "tls_ca", "timeout"];

    /// <summary>Reads the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="required">False: no file means no values.</param>
    /// <exception cref="CliException">It cannot be read, is no such object, or holds a key that ovd does not know.</exception>
    public static IReadOnlyDictionary<string, string> Read(string path, bool required)
    {
        if (!required && !File.Exists(path))
        {
            return new Dictionary<string, string>();
        }

        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return Values(document.RootElement, path);
        }
        catch (JsonException failure)
        {
            throw CliException.Invalid($"Configuration file '{path}' is not JSON: {failure.Message}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw CliException.LocalFile($"Configuration file '{path}' cannot be read: {failure.Message}");
        }
    }

    private static Dictionary<string, string> Values(JsonElement root, string path)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw CliException.Invalid($"Configuration file '{path}' must hold a JSON object such as {{\"server\": \"https://backup.example:7443\"}}.");
        }

        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var values = new Dictionary<string, string>();
        foreach (var property in root.EnumerateObject())
        {
            if (!Keys.Contains(property.Name))
            {
                throw CliException.Invalid($"Configuration file '{path}': key '{property.Name}' is not known; the keys are {string.Join(", ", Keys)}.");
            }

            if (property.Value.ValueKind != JsonValueKind.String || property.Value.GetString() is not { Length: > 0 } value)
            {
                throw CliException.Invalid($"Configuration file '{path}': '{property.Name}' must be a text that is not empty.");
            }

            // Files are named relative to the configuration, wherever ovd is called from.
            values[property.Name] = property.Name.StartsWith("tls_", StringComparison.Ordinal) ? Path.Combine(directory, value) : value;
        }

        return values;
    }
}
