// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Cli.Connection;

/// <summary>Times as people write them on a command line: <c>500ms</c>, <c>30s</c>, <c>2m</c>, <c>1h</c>; a bare number is seconds.</summary>
internal static class DurationText
{
    public static bool TryParse(string text, out TimeSpan duration)
    {
        var (number, unit) = text switch
        {
            [.. var n, 'm', 's'] => (n, TimeSpan.FromMilliseconds(1)),
            [.. var n, 's'] => (n, TimeSpan.FromSeconds(1)),
            [.. var n, 'm'] => (n, TimeSpan.FromMinutes(1)),
            [.. var n, 'h'] => (n, TimeSpan.FromHours(1)),
            _ => (text, TimeSpan.FromSeconds(1)),
        };
        duration = TimeSpan.Zero;
        if (!double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var count) || !double.IsFinite(count) || count > 1e9)
        {
            return false;
        }

        duration = unit * count;
        return true;
    }
}
