// SPDX-License-Identifier: Apache-2.0

using FsCheck;
using FsCheck.Fluent;
using OvirtDistributed.Server.Retention;
using Xunit;

namespace OvirtDistributed.Tests.Server.Retention;

public sealed class RetentionCalculatorTests
{
    private static readonly DateTimeOffset Now = At("2026-03-31T12:00:00Z");

    [Fact]
    public void NoPolicy_KeepsEverything() =>
        Assert.All(RetentionCalculator.Decide(null, Every(TimeSpan.FromDays(1), 10), Now), decision => Assert.Contains("no retention policy", decision.Reasons));

    [Fact]
    public void Last_KeepsTheNewestAndNumbersThem()
    {
        var decisions = RetentionCalculator.Decide(new RetentionRule { Last = 2 }, Every(TimeSpan.FromHours(1), 4), Now);

        Assert.Equal(["newest good point", "last 1 of 2"], decisions[0].Reasons);
        Assert.Equal(["last 2 of 2"], decisions[1].Reasons);
        Assert.Equal([true, true, false, false], decisions.Select(decision => decision.IsKept));
    }

    [Fact]
    public void Daily_KeepsTheNewestOfEachDayThatHasOne()
    {
        var kept = Kept(
            new RetentionRule { Daily = 3 },
            "2026-03-31T08:00:00Z", "2026-03-31T02:00:00Z", "2026-03-28T23:59:59Z", "2026-03-28T00:00:00Z", "2026-03-20T10:00:00Z", "2026-03-19T10:00:00Z");

        Assert.Equal(["2026-03-31T08:00:00Z", "2026-03-28T23:59:59Z", "2026-03-20T10:00:00Z"], kept);
    }

    [Fact]
    public void Weekly_BeginsOnMondayAndCrossesTheYear()
    {
        // 2025-12-29 is a Monday and belongs to the first week of 2026.
        var kept = Kept(new RetentionRule { Weekly = 2 }, "2026-01-04T10:00:00Z", "2025-12-29T00:00:00Z", "2025-12-28T23:00:00Z", "2025-12-22T00:00:00Z");

        Assert.Equal(["2026-01-04T10:00:00Z", "2025-12-28T23:00:00Z"], kept);
    }

    [Fact]
    public void TimeZone_MovesTheBeginningOfTheDay()
    {
        string[] points = ["2026-03-10T23:30:00Z", "2026-03-10T22:30:00Z"];

        Assert.Equal(points[..1], Kept(new RetentionRule { Daily = 2 }, points));
        Assert.Equal(points, Kept(new RetentionRule { Daily = 2, TimeZone = "Europe/Berlin" }, points));
    }

    [Fact]
    public void HourThatOccursTwice_IsTwoHours()
    {
        // Summer time in Berlin ends on 2025-10-26 at 03:00: 02:30 is there twice.
        string[] points = ["2025-10-26T01:30:00Z", "2025-10-26T00:30:00Z"];

        Assert.Equal(points, Kept(new RetentionRule { Hourly = 2, TimeZone = "Europe/Berlin" }, points));
    }

    [Fact]
    public void Within_KeepsWhatIsYoungerHoweverMany() =>
        Assert.Equal(48, RetentionCalculator.Decide(new RetentionRule { WithinDays = 2 }, Every(TimeSpan.FromHours(1), 100), Now).Count(decision => decision.IsKept));

    [Fact]
    public void DamagedPoint_TakesNoGoodPointsPlaceAndIsNotTheNewestGood()
    {
        RetentionCandidate[] points =
        [
            new("damaged", Now.AddHours(-1), IsGood: false), new("good", Now.AddHours(-2)), new("older", Now.AddHours(-3)), new("broken", Now.AddHours(-4), IsGood: false),
        ];

        var decisions = RetentionCalculator.Decide(new RetentionRule { Daily = 1 }, points, Now);

        Assert.Equal(["daily 2026-03-31"], decisions[0].Reasons);
        Assert.Equal(["newest good point", "daily 2026-03-31"], decisions[1].Reasons);
        Assert.False(decisions[2].IsKept);
        Assert.False(decisions[3].IsKept);
    }

    [Fact]
    public void PinAndLock_KeepWhatNoRuleKeeps()
    {
        RetentionCandidate[] points =
        [
            new("new", Now), new("pinned", Now.AddDays(-1), PinReason: "audit"), new("locked", Now.AddDays(-2), LockedUntil: Now.AddDays(1)),
            new("unlocked", Now.AddDays(-3), LockedUntil: Now.AddDays(-1)),
        ];

        var decisions = RetentionCalculator.Decide(new RetentionRule { Last = 1 }, points, Now);

        Assert.Equal(["pinned: audit"], decisions[1].Reasons);
        Assert.Equal(["locked until 2026-04-01 12:00Z"], decisions[2].Reasons);
        Assert.False(decisions[3].IsKept);
    }

    [Fact]
    public void AnyRuleAndPoints_KeepTheNewestGoodOneAndNothingWithoutAReason()
    {
        var cases =
            from rule in Rules()
            from ages in Gen.Choose(0, 400 * 24 * 60).ListOf()
            from bad in Gen.Choose(0, 5).ListOf(ages.Count)
            select (rule, points: ages.Select((age, index) => new RetentionCandidate($"p{index}", Now.AddMinutes(-age), bad[index] > 0)).ToList());
        Prop.ForAll(cases.ToArbitrary(), sample =>
        {
            var decisions = RetentionCalculator.Decide(sample.rule, sample.points, Now);

            Assert.Equal(sample.points.Count, decisions.Count);
            var good = decisions.FirstOrDefault(decision => decision.Point.IsGood);
            Assert.True(good is null || good.Reasons.Contains("newest good point"));
            Assert.All(decisions.Where(decision => Now - decision.Point.Created < TimeSpan.FromDays(sample.rule.WithinDays)), decision => Assert.True(decision.IsKept));
            Assert.True(decisions.Count(decision => decision.IsKept) >= Math.Min(sample.rule.Last, sample.points.Count(point => point.IsGood)));

            // What a second run sees is what the first left: it removes nothing more.
            var left = decisions.Where(decision => decision.IsKept).Select(decision => decision.Point);
            Assert.All(RetentionCalculator.Decide(sample.rule, left, Now), decision => Assert.True(decision.IsKept));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void EmptyRule_IsRefusedWithAdvice()
    {
        Assert.Contains("set at least one of rule.last", Assert.Single(new RetentionRule().Problems()), StringComparison.Ordinal);
        Assert.Equal(2, new RetentionRule { Last = -1, Daily = 2, TimeZone = "Mars/Base" }.Problems().Count());
    }

    private static Gen<RetentionRule> Rules() =>
        from counts in Gen.Choose(0, 6).ListOf(7)
        select new RetentionRule
        {
            Last = counts[0],
            Hourly = counts[1],
            Daily = counts[2],
            Weekly = counts[3],
            Monthly = counts[4],
            Yearly = counts[5],
            WithinDays = counts[6],
        };

    private static List<RetentionCandidate> Every(TimeSpan distance, int count) =>
        [.. Enumerable.Range(0, count).Select(index => new RetentionCandidate($"p{index}", Now - (distance * index)))];

    private static IEnumerable<string> Kept(RetentionRule rule, params string[] times) =>
        RetentionCalculator.Decide(rule, times.Select(time => new RetentionCandidate(time, At(time))), Now)
            .Where(decision => decision.IsKept)
            .Select(decision => decision.Point.PointId);

    private static DateTimeOffset At(string time) => DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture);
}
