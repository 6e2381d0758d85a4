// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Wire;

/// <summary>From the engine's text values to ours. A value that breaks the protocol throws <see cref="JsonException"/>.</summary>
internal static class WireValue
{
    /// <exception cref="JsonException">Missing, or not a UUID.</exception>
    public static TId Id<TId>(string? text, string field)
        where TId : struct, IEngineId<TId> =>
        OptionalId<TId>(text, field) ?? throw new JsonException($"{field} is missing.");

    public static TId? OptionalId<TId>(RefDto? reference, string field)
        where TId : struct, IEngineId<TId> => OptionalId<TId>(reference?.Id, field);

    public static TId? OptionalId<TId>(string? text, string field)
        where TId : struct, IEngineId<TId>
    {
        if (string.IsNullOrEmpty(text))
        {
            return null;
        }

        return EngineId.TryParse<TId>(text, out var id)
            ? id
            : throw new JsonException($"{field} '{WireText.Shorten(text)}' is not a UUID.");
    }

    public static IReadOnlyList<TId> Ids<TId>(WireList<RefDto>? references, string field)
        where TId : struct, IEngineId<TId> =>
        references is null ? [] : references.Items.ConvertAll(reference => Id<TId>(reference.Id, field));

    /// <summary>Maps a lower-case word with underscores to the enum member of the same letters; anything else is the member of value 0.</summary>
    public static TEnum Word<TEnum>(string? text)
        where TEnum : struct, Enum
    {
        if (string.IsNullOrEmpty(text) || text.Length > 64 || !char.IsAsciiLetter(text[0]) || text.Contains(',', StringComparison.Ordinal))
        {
            return default;
        }

        return Enum.TryParse<TEnum>(text.Replace("_", string.Empty, StringComparison.Ordinal), ignoreCase: true, out var value) ? value : default;
    }

    public static List<TModel> Map<TDto, TModel>(WireList<TDto> list, Func<TDto, TModel> map)
        where TDto : class
    {
        var models = new List<TModel>(list.Items.Count);
        foreach (var dto in list.Items)
        {
            models.Add(map(dto));
        }

        return models;
    }
}
