// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Restores;

/// <summary>A disk of a VM brought back to a restore point where it is: only what differs is written, and the VM has its disk whatever happens.</summary>
public sealed class InPlaceRestoreTests(SharedServers servers, ITestOutputHelper output)
{
    [Theory]
    [InlineData("disk-attachment")]
    [InlineData("ssh")]
    public async Task OnlyWhatDiffersIsWritten_TheDiskIsTheSameAndTheNextBackupMissesNothing(string mode)
    {
        await using var site = await StartAsync();
        await using var host = mode == "ssh" ? await SshHost.StartAsync(site) : null;
        await (host?.IntroduceAsync() ?? Task.CompletedTask);
        var vm = await site.VmAsync("db");
        var names = await NamesAsync(site, vm.DiskIds);
        var reference = await site.SaveReferenceAsync("db");
        var backup = await site.BackUpAsync("db");
        await WriteAsync(site, vm.DiskIds[0], 30 * MiB, (3 * MiB) + 4096);
        await site.Engine.GuestTrimAsync(vm.DiskIds[0], 8 * MiB, 4 * MiB, CancellationToken.None).WithinDeadline();
        var damaged = await site.SaveReferenceAsync("db");

        var printed = await site.OvdAsync(
            "restore", "disk", backup.PointId, names[0], "--to-vm", "db", "--in-place", "--power-off", "--mode", mode, "--wait");

        Assert.Contains("succeeded", printed, StringComparison.Ordinal);
        await site.HoldsAsync("db", names, reference);
        var now = await site.VmAsync("db");
        Assert.Equal((vm.Id, "down"), (now.Id, now.Status));
        Assert.Equal(vm.DiskIds.Order(), now.DiskIds.Order());
        var jobs = (await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest(), cancellationToken: TestContext.Current.CancellationToken)).Jobs;
        var restore = jobs.First(job => job.Kind == JobKind.Restore);
        Assert.InRange(restore.Progress.WrittenBytes, 4 * MiB, 9 * MiB);
        Assert.Equal(64 * MiB, restore.Progress.ReadBytes);

        // What was overwritten is in the safety point, and the next backup starts anew.
        var safety = jobs.First(job => job.Kind == JobKind.Backup);
        _ = await site.RestoreAsync(new RestoreVmRequest { Point = safety.PointId, Name = "db-before" });
        await site.HoldsAsync("db-before", names, damaged);
        var next = await site.BackUpAsync("db");
        Assert.Equal("full", next.Mode);
        _ = await site.RestoreAsync(new RestoreVmRequest { Point = next.PointId, Name = "db-next" });
        await site.HoldsAsync("db-next", names, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task ManagerDoesNotAttach_TheJobFailsAndTheVmHasItsDisk()
    {
        await using var site = await StartAsync();
        var vm = await site.VmAsync("db");
        var backup = await site.BackUpAsync("db");
        await WriteAsync(site, vm.DiskIds[0], 30 * MiB, 3 * MiB);
        var request = new RestoreDiskRequest { Point = backup.PointId, Disk = vm.DiskIds[0].ToString(), Vm = "db", InPlace = true, NoSafetyPoint = true, AcceptLoss = true };
        var running = await Assert.ThrowsAsync<RpcException>(async () => await site.Lab.Admin.Jobs.RestoreDiskAsync(request, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Contains("--power-off", running.Status.Detail, StringComparison.Ordinal);
        request.PowerOff = true;

        // The manager attaches it neither to the worker's VM nor, at first, back to its own.
        var fault = site.Engine.Faults.Arm(new FaultRule
        {
            Name = "no attach",
            Method = "POST",
            Path = "/vms/*/diskattachments",
            Times = 12,
            Status = 400,
            Detail = "[Cannot attach Virtual Disk.]",
        });
        var job = (await site.Lab.Admin.Jobs.RestoreDiskAsync(request, cancellationToken: TestContext.Current.CancellationToken)).Job;
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        Assert.True(fault.Exercised);
        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        await site.FinishAsync(checkpointsPerVm: 0);
        Assert.Equal(vm.DiskIds.Order(), (await site.VmAsync("db")).DiskIds.Order());
    }

    private Task<TestSite> StartAsync() => TestSite.StartAsync(
        servers, OneCluster(Running("db", Disk(64, filled: 0.8), Disk(16)), Running("agent1", Disk(16))), output, options => options with { WorkerVms = ["agent1"] });

    private static async Task<IReadOnlyList<string>> NamesAsync(TestSite site, IReadOnlyList<Guid> disks)
    {
        var names = new List<string>();
        foreach (var id in disks)
        {
            names.Add((await site.DiskAsync(id)).Name);
        }

        return names;
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, long length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
