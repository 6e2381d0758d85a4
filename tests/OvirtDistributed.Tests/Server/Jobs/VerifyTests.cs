// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Jobs.Verify;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Jobs;

[Collection(PostgresTests.Name)]
public sealed class VerifyTests(PostgresServer postgres)
{
    [Fact]
    public async Task WholePoint_IsRemembered()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = (await BackUpAsync(site, 1))[0];
        var id = (await AdmitAsync(site, point))[0];
        Assert.Equal([id], await AdmitAsync(site, point)); // not twice at a time

        var job = await site.RunToEndAsync(id).WithinDeadline();

        Assert.Equal((JobKind.Verify, JobOutcome.Succeeded, point), (job.Kind, job.Outcome, job.PointId));
        await using var context = site.Database();
        var row = await context.RestorePoints.SingleAsync(TestSite.Token);
        Assert.NotNull(row.Verified);
        Assert.Equal("", row.Damage);
    }

    [Fact]
    public async Task DamageIsReported_JobEndsWithAWarningAndRetentionKnows()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var point = (await BackUpAsync(site, 1))[0];
        var id = (await AdmitAsync(site, point))[0];
        var task = (await site.DriveAsync(id, JobState.Copying)).Tasks.Single();
        var claim = await site.LeaseAsync(task);
        var order = await site.Get<AttemptPreparation>().PrepareAsync(claim, TestSite.Token);
        Assert.Equal(task.DiskId, order!.Source!.Id);
        Assert.NotNull(order.Key);
        var result = new TaskResult(null, 0, 0, 0, null, TaskStatistics.Empty) { Damage = "512 bytes cannot be restored, at 4096+512: frame: checksum" };
        Assert.True(await site.Get<TaskLeases>().ReportSuccessAsync(claim, result, TestSite.Token));

        var job = await site.DriveAsync(id).WithinDeadline();

        Assert.Equal(JobOutcome.Warning, job.Outcome);
        Assert.Contains("4096+512", job.Message, StringComparison.Ordinal);
        await using var context = site.Database();
        Assert.Contains("4096+512", (await context.RestorePoints.SingleAsync(TestSite.Token)).Damage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Schedule_StartsTheOldestWithinTheDailyShare()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.VerifyPointsAfter = TimeSpan.FromDays(10);
        site.Options.VerifyPercentPerDay = 50;
        var points = await BackUpAsync(site, 3);
        await using (var context = site.Database())
        {
            foreach (var (age, point) in points.AsEnumerable().Reverse().Index())
            {
                var created = site.Time.GetUtcNow() - TimeSpan.FromHours(age);
                await context.RestorePoints.Where(row => row.Id == point).ExecuteUpdateAsync(set => set.SetProperty(row => row.Created, created), TestSite.Token);
            }
        }

        var schedule = site.Get<VerifySchedule>();
        Assert.Empty(await schedule.StartDueAsync(TestSite.Token)); // none is due yet

        site.Time.Advance(TimeSpan.FromDays(11));
        var first = await schedule.StartDueAsync(TestSite.Token);
        Assert.Equal(points[..2].Order(), await PointsAsync(site, first));
        Assert.Empty(await schedule.StartDueAsync(TestSite.Token)); // the day's share is begun
        foreach (var job in first)
        {
            Assert.True((await site.JobAsync(job)).Verify!.Scheduled);
            await site.RunToEndAsync(job).WithinDeadline();
        }

        site.Time.Advance(TimeSpan.FromDays(1.1));
        Assert.Equal([points[2]], await PointsAsync(site, await schedule.StartDueAsync(TestSite.Token)));
    }

    [Fact]
    public async Task ScheduledVerificationFails_TheOthersGetTheirTurnFirst()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        site.Options.VerifyPointsAfter = TimeSpan.FromDays(10);
        site.Options.VerifyPercentPerDay = 50;
        await BackUpAsync(site, 2);
        var schedule = site.Get<VerifySchedule>();
        site.Time.Advance(TimeSpan.FromDays(400));
        var first = Assert.Single(await schedule.StartDueAsync(TestSite.Token));
        var task = (await site.DriveAsync(first, JobState.Copying)).Tasks.Single();
        Assert.True(await site.FailAsync(await site.LeaseAsync(task), "BadOrder"));
        var failed = await site.DriveAsync(first).WithinDeadline();
        Assert.Equal(JobOutcome.Failed, failed.Outcome);

        site.Time.Advance(TimeSpan.FromDays(1.1));
        var second = Assert.Single(await schedule.StartDueAsync(TestSite.Token));

        Assert.NotEqual(failed.PointId, (await site.JobAsync(second)).PointId);
    }

    [Fact]
    public async Task NothingNamed_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var failure = await Assert.ThrowsAsync<OperatorException>(() => site.Get<VerifyAdmission>().AdmitAsync(new VerifyRequest([], 0, "", ""), TestSite.Token));
        Assert.Contains("points", failure.Message, StringComparison.Ordinal);
    }

    private static Task<IReadOnlyList<Guid>> AdmitAsync(TestSite site, string point) =>
        site.Get<VerifyAdmission>().AdmitAsync(new VerifyRequest([point], 0, "", ""), TestSite.Token);

    private static async Task<List<string>> PointsAsync(TestSite site, IReadOnlyList<Guid> jobs)
    {
        var points = new List<string>();
        foreach (var id in jobs)
        {
            points.Add((await site.JobAsync(id)).PointId!);
        }

        points.Sort(StringComparer.Ordinal);
        return points;
    }

    private static async Task<List<string>> BackUpAsync(TestSite site, int times)
    {
        var vm = site.AddVm("vm");
        var points = new List<string>();
        for (var time = 0; time < times; time++)
        {
            site.Time.Advance(TimeSpan.FromMinutes(1));
            points.Add((await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!);
        }

        return points;
    }
}
