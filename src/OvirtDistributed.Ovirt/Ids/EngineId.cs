// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Ids;

/// <summary>Makes and reads ids of any kind.</summary>
public static class EngineId
{
    /// <summary>A fresh random id, for the calls where the client chooses (backups, disks).</summary>
    public static TId New<TId>()
        where TId : struct, IEngineId<TId> => TId.From(Guid.NewGuid());

    /// <exception cref="FormatException">The text is not a UUID.</exception>
    public static TId Parse<TId>(string text)
        where TId : struct, IEngineId<TId> =>
        TryParse<TId>(text, out var id)
            ? id
            : throw new FormatException($"'{text}' is not a {typeof(TId).Name}: expected a UUID such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301.");

    public static bool TryParse<TId>(string? text, out TId id)
        where TId : struct, IEngineId<TId>
    {
        var ok = Guid.TryParseExact(text, "D", out var value);
        id = TId.From(value);
        return ok;
    }
}
