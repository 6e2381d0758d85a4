// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Restores;

/// <summary>Plans of restores, restores into VMs that are there, and to another manager: every byte compared, and the manager asked what is left.</summary>
public sealed class RestoreRuleTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task OverTheOriginal_TheVmHoldsThePointAndTheSafetyPointWhatWasBefore()
    {
        var model = OneCluster(Running("db", Disk(32), Disk(24, "iscsi1")));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var vm = await site.VmAsync("db");
        var names = new List<string>();
        foreach (var id in vm.DiskIds)
        {
            names.Add((await site.DiskAsync(id)).Name);
        }

        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.BackUpAsync("db");
        foreach (var disk in vm.DiskIds)
        {
            var data = new byte[4 * MiB];
            new Random(7).NextBytes(data);
            await site.Engine.GuestWriteAsync(disk, 1 * MiB, data, CancellationToken.None).WithinDeadline();
        }

        var changed = await site.SaveReferenceAsync("db");
        var planned = await site.OvdAsync("plan", "restore", backup.PointId, "--overwrite", "--power-off");
        Assert.Contains("Apply with: ovd restore vm --plan", planned, StringComparison.Ordinal);
        var digest = planned.Split("--plan ")[1].Trim();

        var restored = await site.OvdAsync("restore", "vm", "--plan", digest, "--wait");

        Assert.Contains("succeeded", restored, StringComparison.Ordinal);
        await site.HoldsAsync("db", names, reference);
        var now = await site.VmAsync("db");
        Assert.Equal((vm.Id, "down"), (now.Id, now.Status));
        Assert.Empty(now.DiskIds.Intersect(vm.DiskIds));
        Assert.DoesNotContain(await site.Engine.DisksAsync(CancellationToken.None), disk => vm.DiskIds.Contains(disk.Id));

        // What the VM held before can be had from the safety point.
        var jobs = await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest(), cancellationToken: TestContext.Current.CancellationToken);
        var safety = jobs.Jobs.First(job => job.Kind == JobKind.Backup);
        Assert.NotEqual(backup.Id, safety.Id);
        _ = await site.RestoreAsync(new RestoreVmRequest { Point = safety.PointId, Name = "db-before" });
        await site.HoldsAsync("db-before", names, changed);

        // The next backup of the VM goes on with its new disks.
        var next = await site.BackUpAsync("db");
        _ = await site.RestoreAsync(new RestoreVmRequest { Point = next.PointId, Name = "db-next" });
        await site.HoldsAsync("db-next", names, reference);
        await site.FinishAsync(checkpointsPerVm: 1);
    }

    [Fact]
    public async Task OverTheOriginal_SwitchFailsAndTheVmHasItsOwnDisks()
    {
        var model = OneCluster(Stopped("db", Disk(24), Disk(16)));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var backup = await site.BackUpAsync("db");
        var before = await site.VmAsync("db");
        var fault = site.Engine.Faults.Arm(
            new FaultRule { Name = "no second attach", Method = "POST", Path = "/vms/*/diskattachments", Skip = 1, Status = 400, Detail = "[Cannot attach Virtual Disk.]" });

        var job = (await site.Lab.Admin.Jobs.RestoreVmAsync(
            new RestoreVmRequest { Point = backup.PointId, Overwrite = true, NoSafetyPoint = true, AcceptLoss = true }, cancellationToken: TestContext.Current.CancellationToken)).Job;
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        Assert.True(fault.Exercised);
        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        Assert.Equal(before.DiskIds.Order(), (await site.VmAsync("db")).DiskIds.Order());
        Assert.Equal(2, (await site.Engine.DisksAsync(CancellationToken.None)).Count);
        await site.FinishAsync();
    }

    [Fact]
    public async Task OneDiskToARunningVm_IsThereUnpluggedAndHoldsThePoint()
    {
        var model = OneCluster(Stopped("db", Disk(16), Disk(32, "fcp1")), Running("rescue", Disk(16)));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.BackUpAsync("db");
        var source = await site.DiskAsync((await site.VmAsync("db")).DiskIds[1]);
        var before = await site.VmAsync("rescue");

        var printed = await site.OvdAsync("restore", "disk", backup.PointId, source.Name, "--to-vm", "rescue", "--storage-domain", "nfs1", "--wait");

        Assert.Contains("succeeded", printed, StringComparison.Ordinal);
        var added = Assert.Single((await site.VmAsync("rescue")).DiskIds.Except(before.DiskIds));
        Assert.Equal(source.Name, (await site.DiskAsync(added)).Name);
        var difference = await ImageComparison.DifferenceAsync(site.Lab, added, reference[1], CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        Assert.Null(difference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task ToAnotherManager_TakesWhatHasTheSameNameThereAndSaysWhatHasNot()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("db", Disk(32)) with { Nics = ["vlan100"] }), output);
        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.BackUpAsync("db");
        var model = new SimulatorModel
        {
            Seed = 77,
            DataCenters = [new DataCenterModel("Elsewhere") { Clusters = [new ClusterModel("Main", new Version(4, 6), 1, [])], Domains = [new DomainModel("nfs1", "nfs")] }],
        };
        var other = await site.Lab.AddManagerAsync("dr", model, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);
        var request = new RestoreVmRequest { Point = backup.PointId, Name = "db-dr", Manager = "dr" };
        await Deadline.UntilAsync(
            async () => (await site.Lab.Admin.Managers.GetInventoryAsync(
                new GetInventoryRequest { Manager = "dr", Refresh = true }, cancellationToken: TestContext.Current.CancellationToken)).Clusters.Count > 0, "the other manager is read");
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await site.Lab.Admin.Jobs.RestoreVmAsync(request, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("Network 'vlan100' has no counterpart", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("--network vlan100=none", refused.Status.Detail, StringComparison.Ordinal);

        request.Networks["vlan100"] = "ovirtmgmt";
        _ = await site.RestoreAsync(request);

        var vm = Assert.Single(await other.Engine.VmsAsync(CancellationToken.None));
        Assert.Equal("db-dr", vm.Name);
        var file = Path.Combine(site.Lab.DataDirectory, "restored.raw");
        await other.Engine.SaveReferenceAsync(Assert.Single(vm.DiskIds), file, CancellationToken.None).WithinDeadline();
        Assert.Null(await ImageComparison.DifferenceAsync(reference[0], file, CancellationToken.None).WithinDeadline());
        Assert.Empty((await other.Engine.LeftoversAsync(CancellationToken.None)).All);
        await site.FinishAsync();
    }
}
