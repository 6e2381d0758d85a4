// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>A guest that the server has frozen does not depend on the server.</summary>
public sealed class FreezeBackupTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task ServerKilledWhileTheGuestIsFrozen_GuardOrTheNextServerThawsItAndTheJobGoesOn()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(32))), output);
        var disk = (await site.VmAsync("web")).DiskIds[0];
        var (job, hangs) = await StartAndHangAsync(site);
        var write = site.Engine.GuestWriteAsync(disk, 4 * MiB, new byte[65536], CancellationToken.None);

        await site.Lab.Server.KillAsync(withChildren: false);

        // No server is there: it is the guard that lets the guest write.
        await write.WithinDeadline(TimeSpan.FromSeconds(20));
        var thawed = await site.VmAsync("web");
        Assert.Equal((null, "Client", 1), (thawed.FrozenSince, thawed.ThawedBy.ToString(), thawed.Freezes));
        var reference = await site.SaveReferenceAsync("web");
        Assert.True(site.Engine.Faults.Remove(hangs.Rule.Name));
        await site.Lab.Server.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        await site.RestoresToAsync(await EndsWithAWarningAsync(site, job), reference);

        (job, hangs) = await StartAndHangAsync(site);
        await site.Lab.Server.KillAsync();
        Assert.NotNull((await site.VmAsync("web")).FrozenSince);
        await site.Lab.Server.StartAsync(CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        await Deadline.UntilAsync(async () => (await site.VmAsync("web")).FrozenSince is null, "the next server thaws", TimeSpan.FromSeconds(20));
        Assert.True(site.Engine.Faults.Remove(hangs.Rule.Name));
        _ = await EndsWithAWarningAsync(site, job);

        // And with a server that lives: frozen until the snapshot is there.
        var last = await site.SucceedsAsync(await StartAsync(site));
        var point = await site.Lab.Admin.Points.GetPointAsync(new GetPointRequest { Id = last.PointId }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal("file-system", point.Point.Consistency);
        Assert.Equal(3, (await site.VmAsync("web")).Freezes);
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    private static async Task<(Job Job, ArmedFault Hangs)> StartAndHangAsync(TestSite site)
    {
        var hangs = site.Engine.Faults.Arm(new FaultRule { Name = "snapshot hangs", Method = "POST", Path = "/vms/*/snapshots", StickPhase = true });
        var job = await StartAsync(site);
        await Deadline.UntilAsync(async () => (await site.VmAsync("web")).FrozenSince is not null && hangs.Exercised, "the guest is frozen");
        return (job, hangs);
    }

    private static async Task<Job> EndsWithAWarningAsync(TestSite site, Job job)
    {
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.Equal(JobOutcome.Warning, ended.Outcome);
        Assert.Contains("thawed before the snapshot was there", ended.Message, StringComparison.Ordinal);
        return ended;
    }

    private static async Task<Job> StartAsync(TestSite site)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(new RunBackupRequest
        {
            Vms = { "web" },
            Repository = LabSite.RepositoryName,
            Consistency = "freeze",
            FreezeTimeout = Duration.FromTimeSpan(TimeSpan.FromMinutes(5)),
            RequestId = Guid.NewGuid().ToString(),
        });
        return reply.Jobs.Single();
    }
}
