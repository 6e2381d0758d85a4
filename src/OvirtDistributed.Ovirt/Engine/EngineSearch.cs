// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Ovirt.Engine;

/// <summary>One criterion of the engine's search language, such as <c>tag = "nightly"</c>. Combine with <see cref="And"/>.</summary>
public readonly record struct EngineSearch(string Text)
{
    /// <param name="field">A field of the collection, such as name, tag, cluster, id.</param>
    /// <param name="value">The value; <c>*</c> is a wildcard.</param>
    /// <exception cref="ArgumentException">The value holds a quotation mark, for which the language has no form.</exception>
    public static EngineSearch Equal(string field, string value)
    {
        if (value.Contains('"', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The engine cannot search for the value {value} of {field}: it holds a quotation mark.", nameof(value));
        }

        return new EngineSearch(IsWord(value) ? $"{field}={value}" : $"{field}=\"{value}\"");
    }

    public EngineSearch And(EngineSearch other) => new($"{Text} and {other.Text}");

    public override string ToString() => Text;

    private static bool IsWord(string value)
    {
        foreach (var character in value)
        {
            if (!char.IsAsciiLetterOrDigit(character) && character is not ('_' or '-' or '.' or '*'))
            {
                return false;
            }
        }

        // Words of the language itself must be quoted to be values.
        return value.Length > 0 && value.ToUpperInvariant() is not ("AND" or "OR" or "SORTBY" or "PAGE" or "ASC" or "DESC");
    }
}
