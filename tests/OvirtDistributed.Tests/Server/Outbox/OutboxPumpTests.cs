// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Outbox;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Outbox;

[Collection(PostgresTests.Name)]
public sealed class OutboxPumpTests(PostgresServer postgres)
{
    [Fact]
    public async Task SeveralPumps_EachOfferIsSentOnce()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm", disks: 7).Name);
        var tasks = (await site.DriveAsync(job, JobState.Copying)).Tasks;
        var pump = site.Get<OutboxPump>();

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => pump.PumpAsync(TestSite.Token))).WithinDeadline();
        await pump.PumpAsync(TestSite.Token);

        Assert.Equal(tasks.Select(task => task.Id).Order(), site.Bus.Sent.Select(offer => offer.TaskId).Order());
        Assert.All(site.Bus.Sent, offer => Assert.Equal((1, job, site.ClusterId), (offer.Attempt, offer.JobId, offer.ClusterId)));
    }

    [Fact]
    public async Task OfferReachesNoQueue_ItIsShownAndSentLater()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        await site.DriveAsync(job, JobState.Copying);
        var pump = site.Get<OutboxPump>();

        site.Bus.Problem = "no queue is bound";
        Assert.Equal(0, await pump.PumpAsync(TestSite.Token));
        Assert.Equal("no queue is bound", Assert.Single((await site.JobAsync(job)).Tasks).Message);
        site.Bus.Problem = null;
        Assert.Equal(0, await pump.PumpAsync(TestSite.Token));
        site.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1, await pump.PumpAsync(TestSite.Token));

        Assert.Single(site.Bus.Sent);
    }

    [Fact]
    public async Task StepIsNotSaved_NothingIsSent()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        await site.DriveAsync(job, JobState.AwaitingBackup);
        site.Engine.Arm("ReadOvf", FaultMoment.After);

        await site.StepAsync(job);
        await site.StepAsync(job);
        await using (var context = site.Database())
        {
            Assert.Equal(await context.Tasks.CountAsync(TestSite.Token), await context.Outbox.CountAsync(TestSite.Token));
        }

        await site.DriveAsync(job, JobState.Copying);
        await site.Get<OutboxPump>().PumpAsync(TestSite.Token);

        Assert.Equal(1, site.Engine.FaultsFired);
        Assert.Single(site.Bus.Sent);
    }

    [Fact]
    public async Task OffersStillWaitInTheQueue_NoCopyIsPublishedUntilOneCountsAsLost()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        await site.DriveAsync(job, JobState.Copying);
        await site.Get<OutboxPump>().PumpAsync(TestSite.Token);
        site.Bus.Queue = new QueueState(Messages: 1, Consumers: 0);
        for (var look = 0; look < 25; look++)
        {
            site.Time.Advance(site.Options.OfferAgainAfter + TimeSpan.FromSeconds(1));
            await site.StepAsync(job);
            await site.Get<OutboxPump>().PumpAsync(TestSite.Token);
        }

        Assert.Single(site.Bus.Sent);
        Assert.Contains("no worker of the cluster listens", Assert.Single((await site.JobAsync(job)).Tasks).Message, StringComparison.Ordinal);
        site.Time.Advance(TimeSpan.FromHours(1));
        await site.StepAsync(job);
        await site.Get<OutboxPump>().PumpAsync(TestSite.Token);
        Assert.Equal(2, site.Bus.Sent.Count);
    }

    [Fact]
    public async Task NobodyTakesTheOffer_ItIsOfferedAgain()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        await site.DriveAsync(job, JobState.Copying);
        var pump = site.Get<OutboxPump>();
        await pump.PumpAsync(TestSite.Token);

        await site.StepAsync(job);
        await pump.PumpAsync(TestSite.Token);
        Assert.Single(site.Bus.Sent);

        site.Time.Advance(site.Options.OfferAgainAfter + TimeSpan.FromSeconds(1));
        await site.StepAsync(job);
        await pump.PumpAsync(TestSite.Token);

        Assert.Equal([1, 1], site.Bus.Sent.Select(offer => offer.Attempt));
    }

    [Fact]
    public async Task TaskWasTakenMeanwhile_OfferIsDropped()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);
        var task = Assert.Single((await site.DriveAsync(job, JobState.Copying)).Tasks);
        await site.LeaseAsync(task);

        Assert.Equal(0, await site.Get<OutboxPump>().PumpAsync(TestSite.Token));

        await using var context = site.Database();
        Assert.False(await context.Outbox.AnyAsync(TestSite.Token));
    }
}
