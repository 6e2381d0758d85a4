// SPDX-License-Identifier: Apache-2.0

using System.Globalization;

namespace OvirtDistributed.Server.Retention;

/// <summary>Decides which points of one VM in one repository stay. No clock, no I/O: the same input gives the same answer.</summary>
internal static class RetentionCalculator
{
    /// <summary>A decision for each point, newest first.</summary>
    /// <param name="rule">What is to stay; null = everything.</param>
    /// <param name="points">All points of the VM in the repository.</param>
    /// <param name="now">The time ages are counted from.</param>
    /// <remarks>
    /// Points that cannot be restored whole take no good point's place: the rule is applied to the good ones first. They themselves stay as long
    /// as the rule would keep them if they were good, since parts of them may still be wanted. The newest good point always stays.
    /// </remarks>
    public static IReadOnlyList<RetentionDecision> Decide(RetentionRule? rule, IEnumerable<RetentionCandidate> points, DateTimeOffset now)
    {
        var ordered = points.OrderByDescending(point => point.Created).ThenBy(point => point.PointId, StringComparer.Ordinal).ToList();
        var reasons = ordered.ToDictionary(point => point.PointId, _ => new List<string>(), StringComparer.Ordinal);
        var good = ordered.Where(point => point.IsGood).ToList();
        if (good.FirstOrDefault() is { } newest)
        {
            reasons[newest.PointId].Add("newest good point");
        }

        if (rule is null)
        {
            ordered.ForEach(point => reasons[point.PointId].Add("no retention policy"));
        }
        else
        {
            Apply(rule, good, now, _ => true, reasons);
            Apply(rule, ordered, now, point => !point.IsGood, reasons);
        }

        foreach (var point in ordered)
        {
            Protect(point, now, reasons[point.PointId]);
        }

        return [.. ordered.Select(point => new RetentionDecision(point, reasons[point.PointId]))];
    }

    private static void Protect(RetentionCandidate point, DateTimeOffset now, List<string> reasons)
    {
        if (point.PinReason is { } reason)
        {
            reasons.Add(reason.Length == 0 ? "pinned" : $"pinned: {reason}");
        }

        if (point.LockedUntil is { } until && until > now)
        {
            reasons.Add(string.Create(CultureInfo.InvariantCulture, $"locked until {until.UtcDateTime:yyyy-MM-dd HH:mm}Z"));
        }
    }

    private static void Apply(
        RetentionRule rule, List<RetentionCandidate> newestFirst, DateTimeOffset now, Predicate<RetentionCandidate> wanted, Dictionary<string, List<string>> reasons)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(rule.TimeZone);
        for (var index = 0; index < Math.Min(rule.Last, newestFirst.Count); index++)
        {
            Keep(newestFirst[index], $"last {index + 1} of {rule.Last}");
        }

        foreach (var (count, name, period) in Periods(rule))
        {
            foreach (var (point, label) in NewestOfEach(newestFirst, count, time => period(TimeZoneInfo.ConvertTime(time, zone))))
            {
                Keep(point, $"{name} {label}");
            }
        }

        var oldest = now - TimeSpan.FromDays(rule.WithinDays);
        foreach (var point in newestFirst.Where(point => rule.WithinDays > 0 && point.Created > oldest))
        {
            Keep(point, $"younger than {rule.WithinDays} days");
        }

        void Keep(RetentionCandidate point, string reason)
        {
            if (wanted(point))
            {
                reasons[point.PointId].Add(reason);
            }
        }
    }

    private static IEnumerable<(int Count, string Name, Func<DateTimeOffset, string> Period)> Periods(RetentionRule rule) =>
    [
        (rule.Hourly, "hourly", HourOf),
        (rule.Daily, "daily", time => Format(time, "yyyy-MM-dd")),
        (rule.Weekly, "weekly", time => string.Create(CultureInfo.InvariantCulture, $"{ISOWeek.GetYear(time.DateTime)}-W{ISOWeek.GetWeekOfYear(time.DateTime):D2}")),
        (rule.Monthly, "monthly", time => Format(time, "yyyy-MM")),
        (rule.Yearly, "yearly", time => Format(time, "yyyy")),
    ];

    // With its offset, so that the hour that occurs twice when summer time ends is two hours.
    private static string HourOf(DateTimeOffset time) => Format(time, "yyyy-MM-dd HH:00zzz");

    private static string Format(DateTimeOffset time, string pattern) => time.ToString(pattern, CultureInfo.InvariantCulture);

    private static IEnumerable<(RetentionCandidate Point, string Label)> NewestOfEach(
        List<RetentionCandidate> newestFirst, int count, Func<DateTimeOffset, string> period)
    {
        var periods = 0;
        var last = "";
        foreach (var point in newestFirst)
        {
            var label = period(point.Created);
            if (label == last)
            {
                continue;
            }

            if (++periods > count)
            {
                yield break;
            }

            last = label;
            yield return (point, label);
        }
    }
}
