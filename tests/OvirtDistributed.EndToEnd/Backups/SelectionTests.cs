// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>VMs chosen by rules, and what their disks go through between two backups.</summary>
public sealed class SelectionTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task VmsChosenByTagAndPattern_DisksThatGrewAndAppearedAreInTheIncrementalOfEachMode()
    {
        var web1 = Running("web-1", Disk(32)) with { Tags = ["daily"] };
        var web2 = Running("web-2", Disk(32), Disk(8)) with { Tags = ["daily"] };
        var lab = Running("web-lab", Disk(8)) with { Tags = ["daily"] };
        await using var site = await TestSite.StartAsync(servers, OneCluster(web1, web2, lab), output);
        var byTag = new RunBackupRequest { Tags = { "daily" }, ExcludeVms = { "web-2", "*-lab" } };
        var byPattern = new RunBackupRequest { Patterns = { "WEB-?" }, ExcludeVms = { "web-1" }, ExcludeDisks = { "*2" }, TransportMode = "image-transfer" };

        var plan = await site.OvdAsync("plan", "backup", "--tag", "daily", "--exclude-vm", "web-2", "--exclude-vm", "*-lab");
        Assert.Matches("Selected by: +tag 'daily'", plan);
        Assert.Matches(@"VMs left out \(2\)\nVM +RULE\nweb-2 +excluded by name 'web-2'\nweb-lab +excluded by name '\*-lab'", plan);
        Assert.Equal("full", (await RunAsync(site, byTag)).Mode);
        Assert.Equal("full", (await RunAsync(site, byPattern)).Mode);

        var (first, second) = (await site.VmAsync("web-1"), await site.VmAsync("web-2"));
        var api = new ManagerApi(site.Lab.Simulator);
        await api.GrowDiskAsync(first.DiskIds[0], 48 * MiB).WithinDeadline();
        await api.GrowDiskAsync(second.DiskIds[0], 48 * MiB).WithinDeadline();
        var added = await api.AddDiskAsync(second, "web-2_data", 16 * MiB, "nfs1").WithinDeadline();
        foreach (var (disk, offset) in new[] { (first.DiskIds[0], 4 * MiB), (first.DiskIds[0], 40 * MiB), (second.DiskIds[0], 4 * MiB), (second.DiskIds[0], 47 * MiB), (added, MiB) })
        {
            await site.Engine.GuestWriteAsync(disk, offset, RandomNumberGenerator.GetBytes(65536), CancellationToken.None).WithinDeadline();
        }

        var references = (First: await site.SaveReferenceAsync("web-1"), Second: await site.SaveReferenceAsync("web-2"));
        var cbt = await RunAsync(site, byTag);
        var snapshot = await RunAsync(site, byPattern);

        Assert.Equal(("web-1", "cbt", "incremental"), (cbt.VmName, cbt.TransportMode, cbt.Mode));
        Assert.Equal(("web-2", "image-transfer", "incremental"), (snapshot.VmName, snapshot.TransportMode, snapshot.Mode));
        Assert.Equal("full", snapshot.Tasks.Single(task => task.DiskId == added.ToString()).Mode);
        Assert.Equal("incremental", snapshot.Tasks.Single(task => task.DiskId != added.ToString()).Mode);
        var shown = await site.OvdAsync("point", "show", snapshot.PointId);
        Assert.Matches(@"Left out \(1\)\n.*\nweb-2_disk2 +excluded by the request \(\*2\)", shown);
        await site.RestoresToAsync(cbt, references.First);
        var kept = (await site.VmAsync("web-2")).DiskIds.Zip(references.Second).Where(disk => disk.First != second.DiskIds[1]).ToList();
        _ = await site.RestoreAsync(new RestoreVmRequest { Point = snapshot.PointId, Name = "web-2-restored" });
        await site.HoldsAsync("web-2-restored", [.. kept.Select(disk => disk.First == added ? "web-2_data" : "web-2_disk1")], [.. kept.Select(disk => disk.Second)]);
        await site.FinishAsync(checkpointsPerVm: 1, snapshotsPerVm: 1);
    }

    private static async Task<Job> RunAsync(TestSite site, RunBackupRequest request)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(request, cancellationToken: TestContext.Current.CancellationToken);
        return await site.SucceedsAsync(reply.Jobs.Single());
    }
}
