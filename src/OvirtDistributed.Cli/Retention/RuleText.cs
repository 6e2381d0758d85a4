// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Cli.Retention;

internal static class RuleText
{
    /// <summary>A rule in words: "last 7, daily 14, monthly 12".</summary>
    public static string Of(RetentionRule rule)
    {
        (string Name, int Count)[] parts =
        [
            ("last", rule.Last), ("hourly", rule.Hourly), ("daily", rule.Daily), ("weekly", rule.Weekly), ("monthly", rule.Monthly), ("yearly", rule.Yearly),
        ];
        var words = parts.Where(part => part.Count > 0).Select(part => $"{part.Name} {part.Count}").ToList();
        if (rule.WithinDays > 0)
        {
            words.Add($"younger than {rule.WithinDays} days");
        }

        var zone = rule.TimeZone is "" or "UTC" ? "" : $" ({rule.TimeZone})";
        return string.Join(", ", words) + zone;
    }
}
