// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Backups and restores through an export domain: real files in its layout, real qemu-nbd; each proof is a comparison byte by byte.</summary>
public sealed class ExportDomainBackupTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Mode = "export-domain";

    [Fact]
    public async Task FullThenSecond_SendsOnlyWhatChangedAndBothRestore()
    {
        using var mount = new ExportMount();
        await using var site = await TestSite.StartAsync(servers, ExportMount.Model(Running("web", Disk(64), Raw(32))), output, mount.Tell);
        await mount.AttachAsync(site);
        var vm = await site.VmAsync("web");
        var first = await site.SaveReferenceAsync("web");
        var full = await BackUpAsync(site);
        await mount.HoldsNothingAsync(site);

        var data = new byte[3 * 65536];
        new Random(1).NextBytes(data);
        await site.Engine.GuestWriteAsync(vm.DiskIds[0], 8 * MiB, data, CancellationToken.None).WithinDeadline();
        await site.Engine.GuestTrimAsync(vm.DiskIds[1], 16 * MiB, 4 * MiB, CancellationToken.None).WithinDeadline();
        var second = await site.SaveReferenceAsync("web");
        var again = await BackUpAsync(site);

        Assert.Equal((Mode, "full", Mode), (full.TransportMode, full.Mode, full.Progress.Route));
        Assert.Equal((Mode, "full"), (again.TransportMode, again.Mode));
        Assert.InRange(full.Progress.SentBytes, 8 * MiB, 40 * MiB);
        Assert.InRange(again.Progress.SentBytes, 3 * 65536, 2 * MiB);
        await site.RestoresToAsync(full, first, request => request.TransportMode = Mode);
        await site.RestoresToAsync(again, second, request => (request.TransportMode, request.StorageDomain, request.Format) = (Mode, "iscsi1", "cow"));
        await site.RestoresToAsync(again, second);
        await mount.HoldsNothingAsync(site);
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    [Fact]
    public async Task WorkerKilledInTheMiddle_AnotherOneGoesOnFromTheSameExport()
    {
        using var mount = new ExportMount();
        await using var site = await TestSite.StartAsync(
            servers, ExportMount.Model(Stopped("db", Disk(160, filled: 0.8))), output, options => mount.Tell(options) with { WorkersPerCluster = 2, SlotsPerWorker = 1 });
        await mount.AttachAsync(site);
        var reference = await site.SaveReferenceAsync("db");
        mount.SlowDown();
        var job = await StartAsync(site, "db");
        var running = await site.CopyingAsync(job);
        var served = mount.Servers();
        Assert.NotEmpty(served);
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();
        mount.SpeedUp();

        await Deadline.UntilAsync(() => Task.FromResult(!mount.Servers().Intersect(served).Any()), "the killed worker's qemu-nbd ends", TimeSpan.FromSeconds(10));
        var ended = await site.SucceedsAsync(job);

        Assert.NotEqual(busy, ended.Tasks.Single().Worker);
        await site.RestoresToAsync(ended, reference, request => request.TransportMode = Mode);
        await mount.HoldsNothingAsync(site);
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    [Fact]
    public async Task ExportThatFailsOrNoExportDomain_SaysWhyAndLeavesNothing()
    {
        using var mount = new ExportMount();
        var model = ExportMount.Model(Stopped("db", Disk(16)));
        var second = new DataCenterModel("Second") { Clusters = [new ClusterModel("Other", new Version(4, 6), 1, [Stopped("alone", Disk(16, "nfs2"))])], Domains = [new DomainModel("nfs2", "nfs")] };
        await using var site = await TestSite.StartAsync(servers, model with { DataCenters = [.. model.DataCenters, second] }, output, mount.Tell);
        await mount.AttachAsync(site);
        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => StartAsync(site, "alone"));
        Assert.Contains("needs an export storage domain, and the data center of cluster Other has none: attach an NFS domain of type export", refused.Status.Detail, StringComparison.Ordinal);
        var fault = site.Engine.Faults.Arm(new FaultRule { Name = "export", Method = "POST", Path = "/vms/*/export", FailMerge = true });
        var failed = await EndAsync(site, await StartAsync(site, "db"));

        Assert.True(fault.Exercised);
        Assert.Equal(JobOutcome.Failed, failed.Outcome);
        Assert.Contains("could not export VM ovd-export-", failed.Message, StringComparison.Ordinal);
        await mount.HoldsNothingAsync(site);

        await site.Engine.SetDomainStatusAsync(ExportMount.DomainName, "maintenance", CancellationToken.None).WithinDeadline();
        var inactive = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => StartAsync(site, "db"));
        Assert.Contains("export domain export1 is maintenance in the data center of cluster Main: activate it", inactive.Status.Detail, StringComparison.Ordinal);
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    private static DiskModel Raw(long sizeMiB) => Disk(sizeMiB) with { Format = "raw", Incremental = false };

    private static async Task<Job> BackUpAsync(TestSite site) => await site.SucceedsAsync(await StartAsync(site, "web"));

    private static Task<Job> EndAsync(TestSite site, Job job) => site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

    private static async Task<Job> StartAsync(TestSite site, string vm)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(new RunBackupRequest
        {
            Vms = { vm },
            Repository = LabSite.RepositoryName,
            TransportMode = Mode,
            RequestId = Guid.NewGuid().ToString(),
        });
        return reply.Jobs.Single();
    }
}
