// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.EndToEnd.Sites;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Backups;

/// <summary>
/// Every transport mode through the same cells: full, incremental where the mode has it, restores of both by the mode itself, the manager's answer to
/// the mode's own call lost on the way (backup and restore), a worker killed in the middle. Each restore is compared byte by byte, and nothing is
/// left on the manager. <c>OVD_MODES_MIB</c> makes the disk larger and prints what each mode moved in a second instead (<c>make bench-modes</c>).
/// </summary>
public sealed class ModeMatrixTests(SharedServers servers, ITestOutputHelper output)
{
    private static readonly long MeasuredMiB = long.TryParse(Environment.GetEnvironmentVariable("OVD_MODES_MIB"), CultureInfo.InvariantCulture, out var size) ? size : 0;

    // Has tests of its own, because it finds its data in a mount; beside the others it is only measured.
    private const string ExportDomain = "export-domain";

    public static TheoryData<string> Modes => new(MeasuredMiB > 0 ? [.. Rows.Keys, ExportDomain] : Rows.Keys);

    // The call that makes what the mode reads, or writes: the answer to it is lost once. Restores by cbt go by image transfer, the only way there is.
    private static readonly Dictionary<string, Row> Rows = new(StringComparer.Ordinal)
    {
        ["cbt"] = new("image-transfer", Incremental: true, "/vms/*/backups", "/imagetransfers"),
        ["image-transfer"] = new("image-transfer", Incremental: true, "/vms/*/snapshots", "/imagetransfers"),
        ["disk-attachment"] = new("disk-attachment", Incremental: false, "/vms/*/diskattachments", "/vms/*/diskattachments"),
        ["ssh"] = new("ssh", Incremental: true, "/vms/*/snapshots", "/disks"),
    };

    [Theory]
    [MemberData(nameof(Modes))]
    public async Task EveryCell(string mode)
    {
        using var mount = mode == ExportDomain ? new ExportMount() : null;
        var row = mount is null ? Rows[mode] : new Row(mode, Incremental: false, "", "");
        await using var site = await StartAsync(MeasuredMiB > 0 ? MeasuredMiB : 160, mount);
        await (mount?.AttachAsync(site) ?? Task.CompletedTask);
        await using var host = mode == "ssh" ? await SshHost.StartAsync(site) : null;
        await (host?.IntroduceAsync() ?? Task.CompletedTask);
        var disk = (await site.VmAsync("web")).DiskIds[0];
        var first = await site.SaveReferenceAsync("web");

        var full = await site.SucceedsAsync(await StartBackupAsync(site, mode));
        await site.RestoresToAsync(full, first, request => request.TransportMode = row.RestoreMode);
        Tell(mode, full, await NewestRestoreAsync(site));
        if (MeasuredMiB > 0)
        {
            return;
        }

        await WriteAsync(site, disk, 8 * MiB);
        var second = await site.SaveReferenceAsync("web");
        var next = await AnswerIsLostAsync(site, row.BackupCall, () => StartBackupAsync(site, mode));
        Assert.Equal((mode, row.Incremental ? "incremental" : "full"), (next.TransportMode, next.Mode));
        Assert.InRange(next.Progress.StoredBytes, 1, 4 * MiB);
        await RestoresWithALostAnswerAsync(site, next, row, second);

        await WorkerIsKilledAsync(site, host, mode);
        await (host?.HoldsNothingAsync() ?? Task.CompletedTask);
        await site.FinishAsync(checkpointsPerVm: 1, snapshotsPerVm: 1);
    }

    private async Task WorkerIsKilledAsync(TestSite site, SshHost? host, string mode)
    {
        // Anew from the beginning: of what is new there would be too little for a middle.
        var disk = (await site.VmAsync("web")).DiskIds[0];
        for (var offset = 16 * MiB; offset < 144 * MiB; offset += 2 * MiB)
        {
            await WriteAsync(site, disk, offset);
        }

        var reference = await site.SaveReferenceAsync("web");
        var slow = site.SlowReads(TimeSpan.FromMilliseconds(100));
        host?.SlowDown();
        site.Engine.LimitDevices(16 * MiB);
        var job = await StartBackupAsync(site, mode);
        var running = await site.CopyingAsync(job);
        var busy = running.Tasks.Single().Worker;
        await site.Lab.Workers.Single(worker => worker.Name == busy).KillAsync();
        host?.SpeedUp();
        site.Engine.LimitDevices(null);
        Assert.True(site.Engine.Faults.Remove(slow.Rule.Name));

        var ended = await site.SucceedsAsync(job);

        Assert.NotEqual(busy, ended.Tasks.Single().Worker);
        await site.RestoresToAsync(ended, reference);
    }

    private static async Task RestoresWithALostAnswerAsync(TestSite site, Job backup, Row row, IReadOnlyList<string> reference)
    {
        var request = new RestoreVmRequest { Point = backup.PointId, Name = "restored-again", TransportMode = row.RestoreMode };
        _ = await AnswerIsLostAsync(site, row.RestoreCall, () => site.Lab.StartRestoreAsync(request, CancellationToken.None));
        var alias = (await site.DiskAsync((await site.VmAsync("web")).DiskIds[0])).Name;
        await site.HoldsAsync(request.Name, [alias], reference);
    }

    private static async Task<Job> AnswerIsLostAsync(TestSite site, string call, Func<Task<Job>> start)
    {
        var fault = site.Engine.Faults.Arm(
            new FaultRule { Name = "answer lost", Method = "POST", Path = call, Moment = FaultMoment.AfterHandling, DropConnection = true });
        var ended = await site.SucceedsAsync(await start().WithinDeadline());
        Assert.True(fault.Exercised);
        Assert.True(site.Engine.Faults.Remove(fault.Rule.Name));
        return ended;
    }

    private Task<TestSite> StartAsync(long sizeMiB, ExportMount? mount)
    {
        Simulator.VmModel[] vms = [Running("web", Disk(sizeMiB, filled: MeasuredMiB > 0 ? 1 : 0.4)), Running("agent1", Disk(16)), Running("agent2", Disk(16))];
        return TestSite.StartAsync(servers, mount is null ? OneCluster(vms) : ExportMount.Model(vms), output, options =>
        {
            var two = options with { WorkersPerCluster = 2, SlotsPerWorker = 1, WorkerVms = ["agent1", "agent2"] };
            return mount?.Tell(two) ?? two;
        });
    }

    private static async Task<Job> NewestRestoreAsync(TestSite site)
    {
        var jobs = await site.Lab.Admin.Jobs.ListJobsAsync(new ListJobsRequest { Limit = 10 }, cancellationToken: TestContext.Current.CancellationToken);
        return jobs.Jobs.First(job => job.Kind == JobKind.Restore);
    }

    /// <summary>One line of the table: what was moved, how fast, and what it waited for.</summary>
    private void Tell(string mode, Job backup, Job restore)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {mode} | {Rate(backup, backup.Progress.ReadBytes)} | {Rate(restore, restore.Progress.WrittenBytes)} |"));

        static string Rate(Job job, long bytes) => string.Create(
            CultureInfo.InvariantCulture,
            $"{bytes / (double)MiB / Math.Max(0.001, job.Progress.Elapsed.ToTimeSpan().TotalSeconds):0} MiB/s ({bytes / MiB} MiB), {job.Progress.Bottleneck}, {job.Progress.Route}");
    }

    private static async Task<Job> StartBackupAsync(TestSite site, string mode)
    {
        var reply = await site.Lab.Admin.Jobs.RunBackupAsync(
            new RunBackupRequest { Vms = { "web" }, Repository = LabSite.RepositoryName, TransportMode = mode, RequestId = Guid.NewGuid().ToString() });
        return reply.Jobs.Single();
    }

    private static async Task WriteAsync(TestSite site, Guid disk, long offset)
    {
        var data = new byte[MiB];
        new Random((int)offset).NextBytes(data);
        await site.Engine.GuestWriteAsync(disk, offset, data, CancellationToken.None).WithinDeadline();
    }

    /// <param name="RestoreMode">By which the mode's points are restored.</param>
    /// <param name="Incremental">The mode reads only what changed.</param>
    /// <param name="BackupCall">POST of a backup whose answer is lost.</param>
    /// <param name="RestoreCall">POST of a restore whose answer is lost.</param>
    private sealed record Row(string RestoreMode, bool Incremental, string BackupCall, string RestoreCall);
}
