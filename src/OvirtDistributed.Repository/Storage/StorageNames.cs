// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace OvirtDistributed.Repository.Storage;

/// <summary>Which names are allowed; checked before a name made from a caller's ids reaches a file system.</summary>
public static class StorageNames
{
    private const int MaxIdLength = 64;

    private static readonly SearchValues<char> IdCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.");

    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/");

    /// <summary>Checks an id that becomes part of a name.</summary>
    /// <exception cref="RepositoryException">It has other characters than letters, digits, '-' and '.', starts with '.', or is empty or long.</exception>
    public static string RequireId(string? value, string field)
    {
        if (!IsId(value))
        {
            throw RepositoryException.Invalid($"{field}: '{value}' must be 1 to {MaxIdLength} letters, digits, '-' or '.', not starting with '.'");
        }

        return value!;
    }

    public static bool IsId(ReadOnlySpan<char> value) =>
        value.Length is > 0 and <= MaxIdLength && value[0] != '.' && !value.ContainsAnyExcept(IdCharacters);

    /// <summary>Checks an object's name.</summary>
    public static void RequireName(string name)
    {
        var bad = name.Length is 0 or > 512 || name.AsSpan().ContainsAnyExcept(NameCharacters)
            || name.StartsWith('/') || name.EndsWith('/') || name.Contains("//", StringComparison.Ordinal) || name.StartsWith('.')
            || name.Contains("/.", StringComparison.Ordinal);
        if (bad)
        {
            throw RepositoryException.Invalid($"object name: '{name}' is not allowed");
        }
    }
}
