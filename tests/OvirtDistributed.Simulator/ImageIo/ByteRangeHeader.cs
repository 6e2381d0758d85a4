// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>The daemon's narrow reading of <c>Range</c> and <c>Content-Range</c>.</summary>
internal static class ByteRangeHeader
{
    /// <summary><c>bytes=A-B</c> or <c>bytes=A-</c>; null without a header.</summary>
    /// <exception cref="ImageIoRefusal">416: several ranges, a suffix range, or malformed.</exception>
    public static (long First, long? Last)? ParseRange(string? header)
    {
        if (string.IsNullOrEmpty(header))
        {
            return null;
        }

        if (!header.StartsWith("bytes=", StringComparison.Ordinal) || header.Contains(','))
        {
            throw Invalid(header);
        }

        var dash = header.IndexOf('-', 6);
        if (dash == 6)
        {
            throw new ImageIoRefusal(416, "suffix-byte-range-spec not supported yet");
        }

        if (dash < 0 || !TryNumber(header.AsSpan(6, dash - 6), out var first))
        {
            throw Invalid(header);
        }

        if (dash == header.Length - 1)
        {
            return (first, null);
        }

        if (!TryNumber(header.AsSpan(dash + 1), out var last))
        {
            throw Invalid(header);
        }

        return last >= first ? (first, last) : throw new ImageIoRefusal(416, $"Cannot satisfy range '{header}', first > last");
    }

    /// <summary>First byte of <c>bytes A-B/*</c>, <c>bytes A-B/SIZE</c> or <c>bytes A-*/*</c>; 0 without a header.</summary>
    /// <exception cref="ImageIoRefusal">400: malformed.</exception>
    public static long ParseContentRange(string? header)
    {
        if (string.IsNullOrEmpty(header))
        {
            return 0;
        }

        var dash = header.IndexOf('-', StringComparison.Ordinal);
        var slash = header.IndexOf('/', StringComparison.Ordinal);
        if (!header.StartsWith("bytes ", StringComparison.Ordinal) || dash < 0 || slash < dash
            || !TryNumber(header.AsSpan(6, dash - 6), out var first)
            || !(header.AsSpan(dash + 1, slash - dash - 1) is "*" || TryNumber(header.AsSpan(dash + 1, slash - dash - 1), out _))
            || !(header.AsSpan(slash + 1) is "*" || TryNumber(header.AsSpan(slash + 1), out _)))
        {
            throw ImageIoRefusal.BadRequest($"Invalid Content-Range '{header}'");
        }

        return first;
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static ImageIoRefusal Invalid(string header) => new(416, $"Cannot satisfy range '{header}', invalid range or multiple ranges");
}
