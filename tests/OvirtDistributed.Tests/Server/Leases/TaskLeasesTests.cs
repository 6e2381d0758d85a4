// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Leases;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Leases;

[Collection(PostgresTests.Name)]
public sealed class TaskLeasesTests(PostgresServer postgres)
{
    [Fact]
    public async Task ManyWorkersAskAtOnce_OneGetsTheLease()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, task) = await OfferedAsync(site);
        var leases = site.Get<TaskLeases>();

        var grants = await Task.WhenAll(Enumerable.Range(0, 12).Select(number =>
            leases.AcquireAsync($"worker-{number}", task.Id, 1, TestSite.Token))).WithinDeadline();

        var winner = Assert.Single(grants, grant => grant.Granted);
        Assert.Equal(1, winner.FencingToken);
        Assert.All(grants.Where(grant => !grant.Granted), grant => Assert.NotEmpty(grant.Refusal));
    }

    [Fact]
    public async Task HolderAsksAgain_GetsTheSameToken()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, task) = await OfferedAsync(site);
        var leases = site.Get<TaskLeases>();

        var first = await leases.AcquireAsync("worker-1", task.Id, 1, TestSite.Token).WithinDeadline();
        var second = await leases.AcquireAsync("worker-1", task.Id, 1, TestSite.Token).WithinDeadline();
        var other = await leases.AcquireAsync("worker-2", task.Id, 1, TestSite.Token).WithinDeadline();

        Assert.Equal(first, second);
        Assert.False(other.Granted);
    }

    [Fact]
    public async Task EachAttempt_HasAHigherToken()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, task) = await OfferedAsync(site);
        var tokens = new List<long>();
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            var claim = await site.LeaseAsync(task);
            tokens.Add(claim.FencingToken);
            Assert.True(await site.FailAsync(claim));
            await site.StepAsync(job);
            task = Assert.Single((await site.JobAsync(job)).Tasks);
            Assert.Equal(attempt + 1, task.Attempt);
        }

        Assert.Equal(tokens.Order().Distinct(), tokens);
        Assert.Equal(tokens[^1] + 1, site.Mover.Fences[task.Id]);
    }

    [Fact]
    public async Task OfferOfAnOldAttempt_IsRefused()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, task) = await OfferedAsync(site);
        await site.FailAsync(await site.LeaseAsync(task));
        await site.StepAsync(job);

        var late = await site.Get<TaskLeases>().AcquireAsync("worker-2", task.Id, 1, TestSite.Token).WithinDeadline();

        Assert.False(late.Granted);
        Assert.Contains("attempt 1 is over", late.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OlderProgress_IsIgnored()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, task) = await OfferedAsync(site);
        var claim = await site.LeaseAsync(task);
        var leases = site.Get<TaskLeases>();

        Assert.Equal(LeaseRenewal.Renewed, await leases.RenewAsync(claim, 5, new TaskStatistics { ReadBytes = 500 }, TestSite.Token));
        Assert.Equal(LeaseRenewal.Renewed, await leases.RenewAsync(claim, 4, new TaskStatistics { ReadBytes = 400 }, TestSite.Token));

        Assert.Equal(500, Assert.Single((await site.JobAsync(job)).Tasks).Statistics.ReadBytes);
    }

    [Fact]
    public async Task LeaseOfAnotherToken_IsLost()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, task) = await OfferedAsync(site);
        var claim = await site.LeaseAsync(task);
        var stale = claim with { FencingToken = claim.FencingToken - 1 };
        var leases = site.Get<TaskLeases>();

        Assert.Equal(LeaseRenewal.Lost, await leases.RenewAsync(stale, 1, TaskStatistics.Empty, TestSite.Token));
        Assert.False(await site.FailAsync(stale));
        Assert.False(await leases.ReportSuccessAsync(stale, new TaskResult(null, 0, 0, 0, null, TaskStatistics.Empty), TestSite.Token));
        Assert.True(await leases.IsHeldAsync(claim, TestSite.Token));
    }

    [Fact]
    public async Task SuccessReportedTwice_IsAcceptedTwiceAndCountedOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (_, task) = await OfferedAsync(site);
        var claim = await site.LeaseAsync(task);

        await site.SucceedAsync(claim, task);
        await site.SucceedAsync(claim, task);
        Assert.False(await site.FailAsync(claim));

        await using var context = site.Database();
        var attempt = await context.Attempts.AsNoTracking().SingleAsync(TestSite.Token);
        Assert.Equal(AttemptState.Succeeded, attempt.State);
    }

    [Fact]
    public async Task NoHeartbeat_LeaseExpiresAfterGraceAndNotBefore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, task) = await OfferedAsync(site);
        await site.LeaseAsync(task);
        var leases = site.Get<TaskLeases>();

        site.Time.Advance(site.Options.LeaseDuration + (site.Options.LeaseGrace / 2));
        Assert.Equal(0, await leases.ExpireAsync(job, TestSite.Token));
        site.Time.Advance(site.Options.LeaseGrace);
        Assert.Equal(1, await leases.ExpireAsync(job, TestSite.Token));

        Assert.Equal(TaskState.Recovering, Assert.Single((await site.JobAsync(job)).Tasks).State);
    }

    [Fact]
    public async Task ServerWasAway_LeasesGetTheTimeBack()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var (job, task) = await OfferedAsync(site);
        var claim = await site.LeaseAsync(task);
        var start = site.Get<OvirtDistributed.Server.InstallationStart>();
        await start.NoteAliveAsync(TestSite.Token);

        site.Time.Advance(TimeSpan.FromHours(2));
        await start.ExtendLeasesAsync(TestSite.Token);

        Assert.Equal(0, await site.Get<TaskLeases>().ExpireAsync(job, TestSite.Token));
        Assert.Equal(LeaseRenewal.Renewed, await site.Get<TaskLeases>().RenewAsync(claim, 1, TaskStatistics.Empty, TestSite.Token));
    }

    [Fact]
    public async Task CancelledJob_HeartbeatSaysSoAndNoLeaseIsGranted()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("two", disks: 2);
        var job = await site.BackUpAsync(vm.Name);
        var tasks = (await site.DriveAsync(job, JobState.Copying)).Tasks;
        var claim = await site.LeaseAsync(tasks[0]);

        await site.Get<OvirtDistributed.Server.Admin.JobQueries>().RequestCancelAsync(job, TestSite.Token);

        var leases = site.Get<TaskLeases>();
        Assert.Equal(LeaseRenewal.Cancel, await leases.RenewAsync(claim, 1, TaskStatistics.Empty, TestSite.Token));
        Assert.False((await leases.AcquireAsync("worker-2", tasks[1].Id, 1, TestSite.Token)).Granted);
    }

    private static async Task<(Guid Job, DiskTask Task)> OfferedAsync(TestSite site)
    {
        var vm = site.AddVm("one");
        var job = await site.BackUpAsync(vm.Name).WithinDeadline();
        var copying = await site.DriveAsync(job, JobState.Copying).WithinDeadline();
        Assert.Equal(JobState.Copying, copying.State);
        return (job, Assert.Single(copying.Tasks));
    }
}
