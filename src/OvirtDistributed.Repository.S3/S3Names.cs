// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace OvirtDistributed.Repository.S3;

/// <summary>
/// How objects are keys. A whole object is its name. An appended one is a head <c>name~</c>, which makes it exist, and parts <c>name~OFFSET</c>
/// of twelve hexadecimal digits. Names have no '~', and '~' comes after all their letters: what belongs to one object is listed in a row.
/// </summary>
internal static class S3Names
{
    public const char Mark = '~';

    private const int OffsetLength = 12;

    public static string HeadOf(string key) => key + Mark;

    public static string PartOf(string key, long offset) => string.Create(CultureInfo.InvariantCulture, $"{key}{Mark}{offset:x12}");

    /// <summary>Takes a key apart.</summary>
    public static (string Name, S3KeyKind Kind, long Offset) Parse(string key)
    {
        var mark = key.LastIndexOf(Mark);
        if (mark < 0)
        {
            return (key, S3KeyKind.Whole, 0);
        }

        var digits = key.AsSpan(mark + 1);
        if (digits.IsEmpty)
        {
            return (key[..mark], S3KeyKind.Head, 0);
        }

        return digits.Length == OffsetLength && long.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var offset)
            ? (key[..mark], S3KeyKind.Part, offset)
            : (key, S3KeyKind.Foreign, 0);
    }
}

internal enum S3KeyKind
{
    Whole,
    Head,
    Part,
    Foreign,
}
