// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Simulator;
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
        var backup = await site.BackUpAsync("db");

        await site.RestoresToAsync(backup, reference, request =>
        {
            request.Name = "db-elsewhere";
            request.Cluster = "Second";
            request.StorageDomain = "iscsi1";
            request.Start = true;
        });

        var clusters = await site.Engine.ClustersAsync(CancellationToken.None);
        var restored = await site.VmAsync("db-elsewhere");
        Assert.Equal(clusters.Single(cluster => cluster.Name == "Second").Id, restored.ClusterId);
        Assert.Equal("up", restored.Status);
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
}
