// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>What a backup by change block tracking has to get right; each proof is a restore compared byte by byte.</summary>
public sealed class CbtBackupTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task FullAndIncrementalOfARunningVm_BothRestoreToTheirMoment()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("golden", Disk(96), Disk(48, "iscsi1"))), output);
        await site.AddThinVmAsync("web");
        var vm = await site.VmAsync("web");
        var first = await site.SaveReferenceAsync("web");
        var full = await site.BackUpAsync("web");

        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 3 * 65536);
        await WriteAsync(site, vm.DiskIds[1], 20 * MiB, 65536);
        var second = await site.SaveReferenceAsync("web");
        var incremental = await site.BackUpAsync("web");

        Assert.Equal("full", full.Mode);
        Assert.Equal("incremental", incremental.Mode);
        Assert.InRange(incremental.Progress.ReadBytes, 4 * 65536, MiB);
        await site.RestoresToAsync(full, first);
        await site.RestoresToAsync(incremental, second);
        await site.FinishAsync();
    }

    [Fact]
    public async Task GuestWritesDuringTheBackup_PointHoldsTheMomentOfItsStart()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(64, filled: 0.5))), output);
        var vm = await site.VmAsync("web");
        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(200));
        var job = await site.Lab.StartBackupAsync("web", full: true, CancellationToken.None).WithinDeadline();
        _ = await site.CopyingAsync(job);

        for (var place = 0; place < 16; place++)
        {
            await WriteAsync(site, vm.DiskIds[0], place * 4 * MiB, 65536);
        }

        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));
        Assert.True(slow.Hits > 0);
        var backup = await site.SucceedsAsync(job);
        await site.RestoresToAsync(backup, reference);

        var after = await site.SaveReferenceAsync("web");
        var incremental = await site.BackUpAsync("web");
        Assert.Equal("incremental", incremental.Mode);
        await site.RestoresToAsync(incremental, after);
        await site.FinishAsync();
    }

    [Fact]
    public async Task GuestTrimmed_RangeIsZeroInTheNextPointAndNotRead()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(64, filled: 0.9))), output);
        var vm = await site.VmAsync("web");
        _ = await site.BackUpAsync("web");

        await site.Engine.GuestTrimAsync(vm.DiskIds[0], 4 * MiB, 24 * MiB, CancellationToken.None).WithinDeadline();
        await WriteAsync(site, vm.DiskIds[0], 40 * MiB, 65536);
        var reference = await site.SaveReferenceAsync("web");
        var incremental = await site.BackUpAsync("web");

        Assert.Equal("incremental", incremental.Mode);
        Assert.InRange(incremental.Progress.ReadBytes, 65536, MiB);
        await site.RestoresToAsync(incremental, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task DiskAddedBetweenBackups_NewDiskIsFullAndTheOthersAreIncremental()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(64))), output);
        _ = await site.BackUpAsync("web");

        var added = await new ManagerApi(site.Lab.Simulator).AddDiskAsync(await site.VmAsync("web"), "web_data", 32 * MiB, "nfs1").WithinDeadline();
        await WriteAsync(site, added, 5 * MiB, 5 * 65536);
        var reference = await site.SaveReferenceAsync("web");
        var second = await site.BackUpAsync("web");

        Assert.Equal(2, second.Tasks.Count);
        Assert.Equal("full", second.Tasks.Single(task => task.DiskId == added.ToString()).Mode);
        Assert.Equal("incremental", second.Tasks.Single(task => task.DiskId != added.ToString()).Mode);
        await site.RestoresToAsync(second, reference);
        await site.FinishAsync();
    }

    [Fact]
    public async Task CheckpointLost_FallsBackToFullAndSaysWhy()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(64))), output);
        var vm = await site.VmAsync("web");
        _ = await site.BackUpAsync("web");
        await WriteAsync(site, vm.DiskIds[0], 8 * MiB, 65536);
        await site.Engine.LoseBitmapAsync(vm.DiskIds[0], CancellationToken.None).WithinDeadline();
        var reference = await site.SaveReferenceAsync("web");

        var second = await site.BackUpAsync("web");

        Assert.Equal("full", second.Mode);
        Assert.Contains("checkpoint", second.ModeReason, StringComparison.OrdinalIgnoreCase);
        var point = await site.Lab.Admin.Points.GetPointAsync(new GetPointRequest { Id = second.PointId }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains("checkpoint", point.Point.ModeReason, StringComparison.OrdinalIgnoreCase);
        await site.RestoresToAsync(second, reference);

        var third = await site.BackUpAsync("web");
        Assert.Equal("incremental", third.Mode);
        await site.FinishAsync();
    }

    [Fact]
    public async Task VmIsOff_FullAndIncrementalWork()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Stopped("db", Disk(64), Disk(32, "fcp1"))), output);
        var vm = await site.VmAsync("db");
        var first = await site.SaveReferenceAsync("db");
        var full = await site.BackUpAsync("db");
        await WriteAsync(site, vm.DiskIds[1], 2 * MiB, 2 * 65536);
        var second = await site.SaveReferenceAsync("db");

        var incremental = await site.BackUpAsync("db");

        Assert.Equal("incremental", incremental.Mode);
        await site.RestoresToAsync(full, first);
        await site.RestoresToAsync(incremental, second);
        await site.FinishAsync();
    }

    [Fact]
    public async Task TwoVmsOnTwoWorkers_RunAtTheSameTime()
    {
        var model = OneCluster(Running("web", Disk(64, filled: 0.5)), Stopped("db", Disk(64, filled: 0.5)));
        await using var site = await TestSite.StartAsync(
            servers, model, output, options => options with { WorkersPerCluster = 2, SlotsPerWorker = 1 });
        var web = await site.SaveReferenceAsync("web");
        var db = await site.SaveReferenceAsync("db");
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(300));

        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(new RunBackupRequest { Vms = { "web", "db" } }, cancellationToken: TestContext.Current.CancellationToken);
        var both = await Task.WhenAll(reply.Jobs.Select(site.CopyingAsync));
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var workers = both.SelectMany(job => job.Tasks).Select(task => task.Worker).Distinct(StringComparer.Ordinal);
        Assert.Equal(2, workers.Count());
        foreach (var job in reply.Jobs)
        {
            var ended = await site.SucceedsAsync(job);
            await site.RestoresToAsync(ended, ended.VmName == "web" ? web : db);
        }

        await site.FinishAsync();
    }

    [Fact]
    public async Task ProxyOnlyNetwork_DataComesOverTheProxyAndThatIsRecorded()
    {
        // 127.0.0.9 has no listener: the host cannot be reached, as in a network where only the manager is routed.
        var unreachable = new Dictionary<string, string>(StringComparer.Ordinal) { ["main-host1"] = "127.0.0.9" };
        await using var site = await TestSite.StartAsync(
            servers, OneCluster(Stopped("db", Disk(32))), output, options => options with { Simulator = options.Simulator with { HostAddresses = unreachable } });
        var reference = await site.SaveReferenceAsync("db");

        var backup = await site.BackUpAsync("db");

        Assert.Equal("proxy", backup.Progress.Route);
        await site.RestoresToAsync(backup, reference);
        await site.FinishAsync();
    }

    private static Task WriteAsync(TestSite site, Guid disk, long offset, int length) =>
        site.Engine.GuestWriteAsync(disk, offset, RandomNumberGenerator.GetBytes(length), CancellationToken.None).WithinDeadline();
}
