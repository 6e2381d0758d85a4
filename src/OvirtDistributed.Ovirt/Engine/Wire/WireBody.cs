// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>Builds request bodies. Every scalar is written as text, the form the engine always accepts; null leaves the field out.</summary>
internal static class WireBody
{
    public static JsonObject Set(this JsonObject body, string name, string? value)
    {
        if (value is not null)
        {
            body[name] = value;
        }

        return body;
    }

    public static JsonObject Set(this JsonObject body, string name, long? value) =>
        body.Set(name, value?.ToString(CultureInfo.InvariantCulture));

    public static JsonObject Set(this JsonObject body, string name, bool? value) =>
        body.Set(name, value switch { true => "true", false => "false", null => null });

    public static JsonObject Set(this JsonObject body, string name, JsonObject? value)
    {
        if (value is not null)
        {
            body[name] = value;
        }

        return body;
    }

    /// <summary>A list in the engine's form: an object with the singular name as its only key.</summary>
    public static JsonObject SetList(this JsonObject body, string name, string singular, IEnumerable<JsonObject>? items)
    {
        if (items is not null)
        {
            body[name] = new JsonObject { [singular] = new JsonArray([.. items]) };
        }

        return body;
    }

    public static JsonObject SetReference<TId>(this JsonObject body, string name, TId? id)
        where TId : struct, IEngineId<TId> => body.Set(name, id is { } given ? Reference(given) : null);

    public static JsonObject Reference<TId>(TId id)
        where TId : struct, IEngineId<TId> => new() { ["id"] = id.Value.ToString() };
}
