// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Restores;

/// <summary>Restores of whole VMs to where they were not.</summary>
public sealed class RestoreTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task ToAnotherCluster_ThatClustersWorkerWritesIt()
    {
        var model = Clusters(
            new ClusterModel("First", new Version(4, 6), 1, [Stopped("db", Disk(48))]),
            new ClusterModel("Second", new Version(4, 6), 1, []));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var reference = await site.SaveReferenceAsync("db");
        var manager = new ManagerApi(site.Lab.Simulator);
        await DressAsync(manager, await site.VmAsync("db")).WithinDeadline();
        var backup = await site.BackUpAsync("db");

        await site.RestoresToAsync(backup, reference, request =>
        {
            request.Name = "db-elsewhere";
            request.Cluster = "Second";
            request.StorageDomain = "iscsi1";
            request.CreateAffinityGroups = true;
            request.Start = true;
        });

        var clusters = await site.Engine.ClustersAsync(CancellationToken.None);
        var restored = await site.VmAsync("db-elsewhere");
        Assert.Equal(clusters.Single(cluster => cluster.Name == "Second").Id, restored.ClusterId);
        Assert.Equal("up", restored.Status);
        await HasSettingsAsync(manager, restored).WithinDeadline();
        await site.FinishAsync();
    }

    [Fact]
    public async Task RawSparseDiskToBlockStorage_BecomesPreallocatedAndIsReported()
    {
        var model = OneCluster(Stopped("raw", new DiskModel(32 * MiB, "nfs1", "raw")));
        await using var site = await TestSite.StartAsync(servers, model, output);
        var reference = await site.SaveReferenceAsync("raw");
        var backup = await site.BackUpAsync("raw");

        var job = await site.RestoreAsync(new RestoreVmRequest { Point = backup.PointId, Name = "raw-on-iscsi", StorageDomain = "iscsi1" });

        Assert.Contains(job.Notes, note => note.Contains("preallocated", StringComparison.OrdinalIgnoreCase));
        await site.HoldsAsync("raw-on-iscsi", [(await site.DiskAsync((await site.VmAsync("raw")).DiskIds[0])).Name], reference);
        await site.FinishAsync();
    }

    /// <summary>Settings that the OVF carries, settings it lacks, and a group of the first cluster.</summary>
    private static async Task DressAsync(ManagerApi manager, SimulatedVm vm)
    {
        await manager.PutAsync($"vms/{vm.Id}", new
        {
            delete_protected = "true",
            high_availability = new { enabled = "true", priority = "50" },
            lease = new { storage_domain = new { name = "nfs1" } },
            os = new { boot = new { devices = new { device = new[] { "network", "hd" } } } },
            custom_properties = new { custom_property = new[] { new { name = "sap_agent", value = "true" } } },
            initialization = new { host_name = "db-1", custom_script = "bootcmd:\n- date\n" },
        });
        var group = await manager.PostAsync(
            $"clusters/{vm.ClusterId}/affinitygroups", new { name = "db-apart", vms_rule = new { enabled = "true", enforcing = "true", positive = "false" } });
        await manager.PostAsync($"clusters/{vm.ClusterId}/affinitygroups/{group.GetProperty("id")}/vms", new { id = vm.Id });
        var label = await manager.PostAsync("affinitylabels", new { name = "ssd" });
        await manager.PostAsync($"affinitylabels/{label.GetProperty("id")}/vms", new { id = vm.Id });
    }

    private static async Task HasSettingsAsync(ManagerApi manager, SimulatedVm vm)
    {
        var shown = await manager.GetAsync($"vms/{vm.Id}");
        Assert.Equal("true", shown.GetProperty("delete_protected").GetString());
        Assert.Equal("50", shown.GetProperty("high_availability").GetProperty("priority").GetString());
        Assert.NotEqual(Guid.Empty, shown.GetProperty("lease").GetProperty("storage_domain").GetProperty("id").GetGuid());
        Assert.Equal("network", shown.GetProperty("os").GetProperty("boot").GetProperty("devices").GetProperty("device")[0].GetString());
        Assert.Equal("sap_agent", shown.GetProperty("custom_properties").GetProperty("custom_property")[0].GetProperty("name").GetString());
        Assert.Equal("bootcmd:\n- date\n", shown.GetProperty("initialization").GetProperty("custom_script").GetString());
        Assert.Equal("ssd", (await manager.GetAsync($"vms/{vm.Id}/affinitylabels")).GetProperty("affinity_label")[0].GetProperty("name").GetString());
        var group = (await manager.GetAsync($"clusters/{vm.ClusterId}/affinitygroups")).GetProperty("affinity_group")[0];
        Assert.Equal(("db-apart", "true"), (group.GetProperty("name").GetString(), group.GetProperty("vms_rule").GetProperty("enforcing").GetString()));
        Assert.Equal($"{vm.Id}", group.GetProperty("vms").GetProperty("vm")[0].GetProperty("id").GetString());
    }
}
