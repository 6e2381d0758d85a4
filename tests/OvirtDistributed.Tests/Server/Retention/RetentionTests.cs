// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Retention;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Retention;

[Collection(PostgresTests.Name)]
public sealed class RetentionTests(PostgresServer postgres)
{
    private static readonly RetentionRule LastOne = new() { Last = 1 };

    [Fact]
    public async Task DefaultPolicy_RemovesOlderPointsFromRepositoryAndCatalog()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 3);
        await site.Get<RetentionPolicies>().SetAsync("short", LastOne, isDefault: true, TestSite.Token);

        var removed = await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();

        Assert.Equal(points[..2].Order(), removed.Select(point => point.Point.Id).Order());
        Assert.All(removed, point => Assert.Equal("", point.Problem));
        Assert.Equal(points[2], Assert.Single(site.Mover.PointIds));
        Assert.Equal(points[2], Assert.Single(await ListedAsync(site)));
        Assert.Empty(await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline());
    }

    [Fact]
    public async Task DamagedPoint_IsNotTheOneThatIsKept()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 3);
        await site.Get<RetentionPolicies>().SetAsync("short", LastOne, isDefault: true, TestSite.Token);
        site.Mover.Damaged.Add(points[2]);
        await VerifyAsync(site, points[2]);

        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        Assert.Contains(points[1], site.Mover.PointIds);
        Assert.DoesNotContain(points[0], site.Mover.PointIds);

        // Healed: it counts again.
        site.Mover.Damaged.Clear();
        await VerifyAsync(site, points[2]);
        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        Assert.Equal(points[2], Assert.Single(site.Mover.PointIds));
    }

    [Fact]
    public async Task PointThatSharesKnownDamage_IsNotTheNewestGoodOne()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 4);
        site.Mover.Damaged.Add(points[2]);
        site.Mover.SharingDamage.UnionWith([points[3], points[1]]);

        // Nothing is known to be damaged: nobody is asked.
        Assert.Equal(points[3], await NewestGoodAsync(site));
        await VerifyAsync(site, points[2]);
        Assert.Equal(points[0], await NewestGoodAsync(site));
        site.Mover.SharingDamage.Clear();
        Assert.Equal(points[3], await NewestGoodAsync(site));

        // A Data Mover that does not answer changes nothing.
        site.Mover.Arm(MoverFailure.Unreachable);
        Assert.Equal(points[3], await NewestGoodAsync(site));
    }

    private static async Task<string> NewestGoodAsync(TestSite site) => Assert.Single(
        await site.Get<RetentionPlanner>().PlanAsync(new RetentionScope(Instead: new NamedRule("one", LastOne)), TestSite.Token).WithinDeadline(),
        planned => planned.Decision.Reasons.Contains("newest good point")).Point.Id;

    [Fact]
    public async Task LockedPoint_StaysAndThePlanSaysUntilWhen()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 3);
        await site.Get<RetentionPolicies>().SetAsync("short", LastOne, isDefault: true, TestSite.Token);
        await using (var context = await site.Get<IDbContextFactory<ServerDbContext>>().CreateDbContextAsync(TestSite.Token))
        {
            var point = await context.RestorePoints.AsNoTracking().SingleAsync(row => row.Id == points[0], TestSite.Token);
            await site.Get<PointLocks>().LockAsync(point, await site.RepositoryAsync(), TimeSpan.FromDays(400), TestSite.Token);
        }

        var plan = await site.Get<RetentionPlanner>().PlanAsync(new RetentionScope(), TestSite.Token);
        Assert.Contains(plan.Single(planned => planned.Point.Id == points[0]).Decision.Reasons, reason => reason.StartsWith("locked until", StringComparison.Ordinal));
        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        Assert.Equal(new[] { points[0], points[2] }.Order(), site.Mover.PointIds.Order());
        Assert.Equal(2, (await ListedAsync(site)).Count);
    }

    [Fact]
    public async Task CatalogIsRebuilt_LocksAreKnownAgain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 1);
        var end = await site.Mover.LockPointAsync(new MoverAddress("", ""), points[0], TimeSpan.FromDays(3), TestSite.Token);
        await using var context = await site.Get<IDbContextFactory<ServerDbContext>>().CreateDbContextAsync(TestSite.Token);
        await context.RestorePoints.ExecuteDeleteAsync(TestSite.Token);

        await site.Get<PointCatalog>().RebuildAsync(await site.RepositoryAsync(), TestSite.Token);

        var point = await context.RestorePoints.AsNoTracking().SingleAsync(TestSite.Token);
        Assert.True((end.ToUniversalTime() - point.LockedUntil!.Value).Duration() < TimeSpan.FromMilliseconds(1));
    }

    private static async Task VerifyAsync(TestSite site, string pointId)
    {
        await using var context = await site.Get<IDbContextFactory<ServerDbContext>>().CreateDbContextAsync(TestSite.Token);
        var point = await context.RestorePoints.AsNoTracking().SingleAsync(row => row.Id == pointId, TestSite.Token);
        await site.Get<PointVerification>().VerifyAsync(point, await site.RepositoryAsync(), progress: null, TestSite.Token);
    }

    [Fact]
    public async Task NoPolicy_NothingIsRemoved()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await BackUpAsync(site, "vm", 2);

        Assert.Empty(await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline());

        Assert.Equal(2, site.Mover.PointIds.Count);
    }

    [Fact]
    public async Task VmWithItsOwnPolicy_IsNotTouchedByTheDefault()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var own = await BackUpAsync(site, "own", 2);
        var other = await BackUpAsync(site, "other", 2);
        var policies = site.Get<RetentionPolicies>();
        await policies.SetAsync("short", LastOne, isDefault: true, TestSite.Token);
        await policies.SetAsync("long", new RetentionRule { Last = 10 }, isDefault: null, TestSite.Token);
        Assert.Equal(["own"], await policies.AssignAsync("long", ["own"], TestSite.Token));

        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();

        Assert.Equal([.. own.Append(other[1]).Order()], await ListedAsync(site));
        var refusal = await Assert.ThrowsAsync<OperatorException>(() => policies.RemoveAsync("long", TestSite.Token));
        Assert.Equal(FailureKind.WrongState, refusal.Kind);
        await policies.AssignAsync(null, ["own"], TestSite.Token);
        await policies.RemoveAsync("long", TestSite.Token);
    }

    [Fact]
    public async Task PinnedPoint_StaysUntilItIsUnpinned()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 3);
        await site.Get<RetentionPolicies>().SetAsync("short", LastOne, isDefault: true, TestSite.Token);
        await site.Get<PointPins>().PinAsync(points[0][..12], "audit", TestSite.Token);

        var preview = await site.Get<RetentionPlanner>().PlanAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();

        Assert.Equal(["pinned: audit"], preview.Single(point => point.Point.Id == points[0]).Decision.Reasons);
        Assert.Equal([.. new[] { points[0], points[2] }.Order()], await ListedAsync(site));
        Assert.Equal((points[0], true), await site.Get<PointPins>().UnpinAsync(points[0], TestSite.Token));
        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        Assert.Equal([points[2]], await ListedAsync(site));
    }

    [Fact]
    public async Task DataMoverRefuses_PointStaysListedAndGoesWithTheNextRound()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var points = await BackUpAsync(site, "vm", 2);
        await site.Get<RetentionPolicies>().SetAsync("short", LastOne, isDefault: true, TestSite.Token);
        site.Mover.Arm(MoverFailure.Refused);

        var first = await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();

        Assert.True(site.Mover.AllFaultsFired);
        Assert.Contains("was made to fail", Assert.Single(first).Problem, StringComparison.Ordinal);
        Assert.Equal(2, (await ListedAsync(site)).Count);
        await site.Get<RetentionRunner>().ApplyAsync(new RetentionScope(), TestSite.Token).WithinDeadline();
        Assert.Equal([points[1]], await ListedAsync(site));
    }

    [Fact]
    public async Task PreviewWithAnotherRule_ChangesNothing()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        await BackUpAsync(site, "vm", 2);

        var plan = await site.Get<RetentionPlanner>().PlanAsync(new RetentionScope(Instead: new NamedRule("trial", LastOne)), TestSite.Token).WithinDeadline();

        Assert.Equal([true, false], plan.Select(point => point.Decision.IsKept));
        Assert.Equal(2, (await ListedAsync(site)).Count);
    }

    [Fact]
    public async Task NewDefault_TakesThePlaceOfTheOldOne()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var policies = site.Get<RetentionPolicies>();
        await policies.SetAsync("first", LastOne, isDefault: true, TestSite.Token);
        await policies.SetAsync("second", LastOne, isDefault: true, TestSite.Token);

        await using var context = site.Database();
        Assert.Equal("second", (await context.RetentionPolicies.SingleAsync(policy => policy.IsDefault, TestSite.Token)).Name);
        var refusal = await Assert.ThrowsAsync<OperatorException>(() => policies.SetAsync("", new RetentionRule { Last = -1 }, null, TestSite.Token));
        Assert.Contains("name is needed", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("rule.last '-1'", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task<List<string>> BackUpAsync(TestSite site, string name, int times)
    {
        var vm = site.AddVm(name);
        var points = new List<string>();
        for (var time = 0; time < times; time++)
        {
            site.Time.Advance(TimeSpan.FromMinutes(1));
            points.Add((await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!);
        }

        return points;
    }

    private static async Task<List<string>> ListedAsync(TestSite site)
    {
        await using var context = site.Database();
        return [.. (await context.RestorePoints.Select(point => point.Id).ToListAsync(TestSite.Token)).Order()];
    }
}
