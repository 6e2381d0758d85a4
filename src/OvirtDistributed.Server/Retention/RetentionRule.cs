// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Retention;

/// <summary>How many restore points of a VM stay in a repository. A point stays when any part of the rule wants it.</summary>
internal sealed record RetentionRule
{
    public const int MostPerPart = 10_000;

    /// <summary>The newest points, whatever their age.</summary>
    public int Last { get; init; }

    /// <summary>The newest point of each of the last hours, days, … that have one. A period without a point is not counted.</summary>
    public int Hourly { get; init; }

    public int Daily { get; init; }

    /// <summary>Weeks of ISO 8601: they begin on Monday.</summary>
    public int Weekly { get; init; }

    public int Monthly { get; init; }

    public int Yearly { get; init; }

    /// <summary>Every point younger than this many days; 0 = age keeps nothing.</summary>
    public int WithinDays { get; init; }

    /// <summary>IANA name of the zone in which days and weeks begin.</summary>
    public string TimeZone { get; init; } = "UTC";

    /// <summary>True when no part keeps anything: such a rule would remove all points but the newest.</summary>
    public bool IsEmpty => Last + Hourly + Daily + Weekly + Monthly + Yearly + WithinDays == 0;

    /// <summary>What problems name.</summary>
    public IReadOnlyList<string> Fields => [.. Parts().Select(part => part.Name), "rule.time_zone"];

    /// <summary>Every problem, each naming the field and what to do.</summary>
    public IEnumerable<string> Problems()
    {
        foreach (var (name, value) in Parts())
        {
            if (value is < 0 or > MostPerPart)
            {
                yield return $"{name} '{value}' is out of range: use 0 to {MostPerPart}.";
            }
        }

        if (IsEmpty)
        {
            yield return "No part of the rule keeps anything, so all points but the newest would be removed: set at least one of "
                + string.Join(", ", Parts().Select(part => part.Name)) + ".";
        }

        if (!TimeZoneInfo.TryFindSystemTimeZoneById(TimeZone, out _))
        {
            yield return $"rule.time_zone '{TimeZone}' is not known: use a name such as UTC or Europe/Berlin.";
        }
    }

    private IEnumerable<(string Name, int Value)> Parts() =>
    [
        ("rule.last", Last), ("rule.hourly", Hourly), ("rule.daily", Daily), ("rule.weekly", Weekly), ("rule.monthly", Monthly), ("rule.yearly", Yearly), ("rule.within_days", WithinDays),
    ];
}
