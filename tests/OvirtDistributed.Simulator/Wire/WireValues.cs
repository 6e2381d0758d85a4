// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Api;

namespace OvirtDistributed.Simulator.Wire;

/// <summary>Typed reading of request bodies; what cannot be read is the client's error (400).</summary>
internal static class WireValues
{
    public static bool? Flag(this WireNode node, string path)
    {
        var text = node.Value(path);
        return string.IsNullOrEmpty(text) ? null : ParseFlag(text) ?? throw Bad(path, text, "a boolean");
    }

    public static long? Number(this WireNode node, string path)
    {
        var text = node.Value(path);
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Bad(path, text, "an integer");
    }

    /// <summary>The id of the child element <paramref name="name"/>.</summary>
    public static Guid? ReferenceId(this WireNode node, string name) => node.Child(name)?.Guid();

    /// <summary>The node's own id.</summary>
    public static Guid? Guid(this WireNode node) => string.IsNullOrEmpty(node.Id) ? null : ParseGuid(node.Id);

    public static Guid ParseGuid(string text) =>
        System.Guid.TryParse(text, out var id) ? id : throw ApiFault.BadRequest($"Invalid UUID string: {text}");

    /// <summary>Booleans as the engine reads them, in any case.</summary>
    public static bool? ParseFlag(string text) => text.Trim().ToLowerInvariant() switch
    {
        "true" or "1" or "t" or "yes" or "y" => true,
        "false" or "0" or "f" or "no" or "n" => false,
        _ => null,
    };

    private static ApiFault Bad(string path, string text, string wanted) =>
        ApiFault.BadRequest($"Value '{text}' of '{path}' is not {wanted}.");
}
