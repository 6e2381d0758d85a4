// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Failures;

/// <summary>Kills and restarts in the middle of a backup: the job finishes or ends cleanly, and nothing is left on the manager.</summary>
public sealed class FailureTests(SharedServers servers, ITestOutputHelper output)
{
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(400);

    [Fact]
    public async Task CancelInTheMiddle_JobEndsCancelledAndTheNextBackupWorks()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var slow = site.SlowReads(Slow);
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);

        _ = await site.Lab.Admin.Jobs.CancelJobAsync(new CancelJobRequest { Id = job.Id }, cancellationToken: TestContext.Current.CancellationToken);
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        Assert.Equal(JobOutcome.Cancelled, ended.Outcome);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));
        await site.FinishAsync(checkpointsPerVm: 0);
        var reference = await site.SaveReferenceAsync("web");
        var next = await site.BackUpAsync("web");
        await site.RestoresToAsync(next, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task WorkerKilledInTheMiddle_AnotherOneFinishesFromWhereItWas()
    {
        await using var site = await TestSite.StartAsync(
            servers, OneCluster(Running("web", Disk(256, filled: 0.8))), output, options => options with { WorkersPerCluster = 2, SlotsPerWorker = 1 });
        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(100));
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();

        // Half of the disk: by then finished pages of the map are durable at the Data Mover.
        var running = await site.Lab.WaitForAsync(
            job.Id, state => state.Tasks.Any(task => task.Progress is { ReadBytes: > 100 * MiB }), CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.SucceedsAsync(job);

        Assert.NotEqual(busy, ended.Tasks.Single().Worker);
        Assert.True(ended.Tasks.Single().Attempt > 1);
        Assert.True(ended.Progress.ResumedBytes > 0, "the second worker has read everything again");
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task ServerKilledAndRestarted_JobFinishes()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(Slow);
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);

        await site.Lab.Server.KillAsync();
        await site.Lab.Server.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.SucceedsAsync(job);
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task RabbitMqRestarted_JobFinishesAndLaterJobsRun()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(Slow);
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);

        await servers.RabbitMq.KillAsync();
        await servers.RabbitMq.StartAgainAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.SucceedsAsync(job);
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task DataMoverKilledAndRestarted_JobFinishes()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(Slow);
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);

        await site.Lab.DataMover.KillAsync();
        await site.Lab.DataMover.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.SucceedsAsync(job);
        await site.RestoresToAsync(ended, reference);
        await site.FinishAsync();
    }
}
