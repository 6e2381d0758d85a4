// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Simulator.Engine;

internal static class MacAddress
{
    /// <summary>First address of the default pool: the prefix oVirt uses for its own NICs.</summary>
    public const long DefaultFirst = 0x566F_0000_0000;

    public static string Format(long value)
    {
        var hex = value.ToString("x12", CultureInfo.InvariantCulture);
        return string.Join(':', Enumerable.Range(0, 6).Select(i => hex.Substring(i * 2, 2)));
    }

    /// <summary>Null when the text is no MAC address.</summary>
    public static long? Parse(string text)
    {
        var parts = text.Split(':');
        return parts.Length == 6 && parts.All(p => p.Length == 2)
            && long.TryParse(string.Concat(parts), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
                ? value
                : null;
    }
}
