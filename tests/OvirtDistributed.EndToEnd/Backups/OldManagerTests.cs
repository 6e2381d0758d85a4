// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Managers that give no single layer of a disk: the layers' files are read, one at a time, over ImageIO 1.</summary>
public sealed class OldManagerTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task Manager43_FullOfThreeLayersThenIncrementalAndBothRestore()
    {
        await using var site = await StartAsync("4.3.10.4-1.el7", proxyOnly: false, Stopped("golden", Disk(64), Disk(32, "iscsi1") with { Format = "raw", Sparse = false }));
        await site.AddThinVmAsync("web");
        var vm = await site.VmAsync("web");
        var manager = new ManagerApi(site.Lab.Simulator);
        await manager.TakeSnapshotAsync(vm, "the owner's");
        await WriteAsync(site, vm.DiskIds[0], 4 * MiB, 5 * 65536);
        await WriteAsync(site, vm.DiskIds[1], 9 * MiB, 65536);
        var first = await site.SaveReferenceAsync("web");
        var full = await site.BackUpAsync("web");

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 3 * 65536);
        await WriteAsync(site, vm.DiskIds[1], 20 * MiB, 65536);
        await site.Engine.GuestTrimAsync(vm.DiskIds[0], 2 * MiB, 4 * MiB, CancellationToken.None).WithinDeadline();
        await manager.GrowDiskAsync(vm.DiskIds[0], 80 * MiB);
        await WriteAsync(site, vm.DiskIds[0], 72 * MiB, 65536);
        var second = await site.SaveReferenceAsync("web");
        var plan = await site.OvdAsync("plan", "backup", "web");
        var incremental = await site.BackUpAsync("web");

        Assert.Equal(("image-transfer", "full"), (full.TransportMode, full.Mode));
        Assert.Equal(("image-transfer", "incremental"), (incremental.TransportMode, incremental.Mode));
        Assert.InRange(incremental.Progress.ReadBytes, 5 * 65536, MiB);
        Assert.Equal("direct", incremental.Progress.Route);
        Assert.Contains("older than 4.4.3", plan, StringComparison.Ordinal);
        Assert.Contains("the file of its newest layer", plan, StringComparison.Ordinal);
        await CbtIsRefusedAsync(site);
        await site.RestoresToAsync(full, first);
        await site.RestoresToAsync(incremental, second);

        // The owner's stays, and ours for the next incremental.
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 2);
    }

    [Fact]
    public async Task Manager42BehindItsProxy_RestoresIntoRawDisksOnly()
    {
        await using var site = await StartAsync("4.2.8.2-1.el7", proxyOnly: true, Stopped("db", Disk(32)));
        var reference = await site.SaveReferenceAsync("db");

        var backup = await site.BackUpAsync("db");
        var name = "restored";
        var restore = await site.RestoreAsync(new RestoreVmRequest { Point = backup.PointId, Name = name });

        Assert.Equal(("image-transfer", "proxy"), (backup.TransportMode, backup.Progress.Route));
        await site.HoldsAsync(name, [(await site.DiskAsync((await site.VmAsync("db")).DiskIds[0])).Name], reference);
        Assert.Equal("raw", (await site.DiskAsync((await site.VmAsync(name)).DiskIds[0])).Format);
        Assert.Contains("managers before 4.3.5", string.Join('|', restore.Notes), StringComparison.Ordinal);
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    private Task<TestSite> StartAsync(string version, bool proxyOnly, params VmModel[] vms) => TestSite.StartAsync(
        servers, Clusters(new ClusterModel("Main", new Version(4, 3), 1, vms)), output,
        options => options with { Simulator = options.Simulator with { EngineVersion = version, ProxyOnly = proxyOnly } });

    private static async Task CbtIsRefusedAsync(TestSite site)
    {
        var refusal = await Assert.ThrowsAsync<RpcException>(async () => await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "web" }, Repository = LabSite.RepositoryName, TransportMode = "cbt", RequestId = Guid.NewGuid().ToString() }));
        Assert.Contains("cbt needs a manager of version 4.4 or later", refusal.Status.Detail, StringComparison.Ordinal);
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, int length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
