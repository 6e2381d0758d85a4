// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>Backups and restores through a host, over a real OpenSSH server and qemu-nbd; each proof is a comparison byte by byte.</summary>
public sealed class SshBackupTests(SharedServers servers, ITestOutputHelper output)
{
    private const string Mode = "ssh";

    [Fact]
    public async Task FullThenIncrementals_OnlyWhatTheNewestLayerHoldsIsReadAndEveryPointRestores()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("golden", Disk(96), Raw(48))), output);
        await using var host = await SshHost.StartAsync(site);
        await host.IntroduceAsync();
        await site.AddThinVmAsync("web");
        var vm = await site.VmAsync("web");
        var first = await site.SaveReferenceAsync("web");
        var full = await BackUpAsync(site);

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 3 * 65536);
        await WriteAsync(site, vm.DiskIds[1], 20 * MiB, 65536);
        await site.Engine.GuestTrimAsync(vm.DiskIds[0], 40 * MiB, 8 * MiB, CancellationToken.None).WithinDeadline();
        var second = await site.SaveReferenceAsync("web");
        var incremental = await BackUpAsync(site);

        await WriteAsync(site, vm.DiskIds[0], 60 * MiB, 65536);
        var third = await site.SaveReferenceAsync("web");
        var last = await BackUpAsync(site);

        Assert.Equal((Mode, "full", "ssh"), (full.TransportMode, full.Mode, full.Progress.Route));
        Assert.Equal((Mode, "incremental"), (incremental.TransportMode, incremental.Mode));
        Assert.InRange(full.Progress.ReadBytes, 24 * MiB, 130 * MiB);
        Assert.InRange(incremental.Progress.ReadBytes, 4 * 65536, 2 * MiB);
        Assert.InRange(last.Progress.ReadBytes, 65536, MiB);
        await site.RestoresToAsync(full, first, request => request.TransportMode = Mode);
        await site.RestoresToAsync(incremental, second, request => (request.TransportMode, request.Format, request.Allocation) = (Mode, "raw", "preallocated"));
        await site.RestoresToAsync(last, third);
        await host.HoldsNothingAsync();
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    /// <summary>From 4.4.3 to 4.4.7 the layers of a disk are listed without its template's.</summary>
    [Fact]
    public async Task ManagerThatDoesNotListTheTemplatesLayers_DisksOnATemplateAreWhole()
    {
        await using var site = await TestSite.StartAsync(
            servers, OneCluster(Stopped("golden", Disk(32), Raw(16))), output, options => options with { Simulator = options.Simulator with { EngineVersion = "4.4.6.8-1.el8" } });
        await using var host = await SshHost.StartAsync(site);
        await host.IntroduceAsync();
        await site.AddThinVmAsync("web");
        await WriteAsync(site, (await site.VmAsync("web")).DiskIds[0], 8 * MiB, 3 * 65536);
        var reference = await site.SaveReferenceAsync("web");

        var full = await BackUpAsync(site);

        Assert.Equal((Mode, "full"), (full.TransportMode, full.Mode));
        await site.RestoresToAsync(full, reference);
        await host.HoldsNothingAsync();
        await site.FinishAsync(checkpointsPerVm: 0, snapshotsPerVm: 1);
    }

    [Fact]
    public async Task WorkerKilledInTheMiddle_TheHostIsCleanAndAnotherWorkerGoesOn()
    {
        await using var site = await TestSite.StartAsync(
            servers, OneCluster(Running("web", Disk(192, filled: 0.8))), output, options => options with { WorkersPerCluster = 2, SlotsPerWorker = 1 });
        await using var host = await SshHost.StartAsync(site);
        await host.IntroduceAsync();
        var reference = await site.SaveReferenceAsync("web");
        host.SlowDown();
        var job = await StartAsync(site, drop: true);
        var running = await site.CopyingAsync(job);
        var served = host.Servers();
        Assert.NotEmpty(served);
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();
        host.SpeedUp();

        await Deadline.UntilAsync(() => Task.FromResult(!host.Servers().Intersect(served).Any()), "the host ends what served the killed worker", TimeSpan.FromSeconds(30));
        var ended = await site.SucceedsAsync(job);

        Assert.NotEqual(busy, ended.Tasks.Single().Worker);
        await site.RestoresToAsync(ended, reference, request => request.TransportMode = Mode);
        await host.HoldsNothingAsync();
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    [Fact]
    public async Task WrongHostKeyOrNoAccess_IsRefusedAndSaysWhatToDo()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("db", Disk(16))), output, options => options with
        {
            ServerSettings = new Dictionary<string, string>(options.ServerSettings) { ["Server:MaxAttempts"] = "2" },
        });
        await using var host = await SshHost.StartAsync(site);
        var refused = await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => StartAsync(site, "db"));
        Assert.Contains("ovd manager set-ssh", refused.Status.Detail, StringComparison.Ordinal);

        await host.IntroduceAsync(await host.Sshd.WriteWrongKnownHostsAsync(CancellationToken.None).WithinDeadline());
        var job = await StartAsync(site, "db");
        var ended = await site.Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(TestSite.JobDeadline);

        Assert.Equal(JobOutcome.Failed, ended.Outcome);
        Assert.Contains("Host 127.0.0.1 shows another SSH host key than the one pinned for [127.0.0.1]:", ended.Message, StringComparison.Ordinal);
        Assert.Contains("ovd manager set-ssh --known-hosts", ended.Message, StringComparison.Ordinal);
        await host.HoldsNothingAsync();
        await site.FinishAsync(checkpointsPerVm: 0);
    }

    private static Simulator.DiskModel Raw(long sizeMiB) => Disk(sizeMiB) with { Format = "raw", Incremental = false };

    private static async Task<Job> BackUpAsync(TestSite site, string vm = "web") => await site.SucceedsAsync(await StartAsync(site, vm));

    private static async Task<Job> StartAsync(TestSite site, string vm = "web", bool drop = false)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(new RunBackupRequest
        {
            Vms = { vm },
            Repository = LabSite.RepositoryName,
            TransportMode = Mode,
            DropSnapshot = drop,
            RequestId = Guid.NewGuid().ToString(),
        });
        return reply.Jobs.Single();
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset, int length)
    {
        var data = new byte[length];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }
}
