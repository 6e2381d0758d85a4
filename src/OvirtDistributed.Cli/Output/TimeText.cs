// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Google.Protobuf.WellKnownTypes;

namespace OvirtDistributed.Cli.Output;

/// <summary>Times and durations for people.</summary>
internal static class TimeText
{
    /// <summary>RFC 3339 in UTC, to the second.</summary>
    public static string Absolute(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>"3 min ago"; "-" when there is no time.</summary>
    public static string Relative(Timestamp? time, TimeProvider clock)
    {
        if (time is null)
        {
            return "-";
        }

        var age = clock.GetUtcNow() - time.ToDateTimeOffset();
        // Clocks differ a little between machines; that is "now", not the future.
        if (age < TimeSpan.FromSeconds(-30))
        {
            return "in " + Rough(-age);
        }

        return age < TimeSpan.FromSeconds(1) ? "now" : Rough(age) + " ago";
    }

    /// <summary>Both, for the page of a single thing.</summary>
    public static string Both(Timestamp? time, TimeProvider clock) =>
        time is null ? "-" : $"{Absolute(time.ToDateTimeOffset())} ({Relative(time, clock)})";

    /// <summary>"850ms", "12s", "1m 05s", "2h 03m", "3d 04h".</summary>
    public static string Length(TimeSpan length)
    {
        if (length < TimeSpan.Zero)
        {
            length = TimeSpan.Zero;
        }

        return length.TotalSeconds switch
        {
            < 1 => $"{length.TotalMilliseconds:0}ms",
            < 10 => $"{Math.Floor(length.TotalSeconds * 10) / 10:0.0}s",
            < 60 => $"{length.Seconds}s",
            < 3600 => $"{length.Minutes}m {length.Seconds:00}s",
            < 86400 => $"{length.Hours}h {length.Minutes:00}m",
            _ => $"{(int)length.TotalDays}d {length.Hours:00}h",
        };
    }

    private static string Rough(TimeSpan age) => age.TotalSeconds switch
    {
        < 60 => $"{(int)age.TotalSeconds} s",
        < 3600 => $"{(int)age.TotalMinutes} min",
        < 2 * 86400 => $"{(int)age.TotalHours} h",
        _ => $"{(int)age.TotalDays} days",
    };
}
