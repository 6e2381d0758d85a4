// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Lab.Processes;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;
using OvirtDistributed.Simulator.Faults;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>
/// An installation for one test: every service its own process, over real RabbitMQ and PostgreSQL. <see cref="FinishAsync"/> ends every test:
/// it asks the manager what was left behind.
/// </summary>
public sealed class TestSite : IAsyncDisposable
{
    /// <summary>Long enough for a machine with two busy cores; a test that needs it all has failed.</summary>
    public static readonly TimeSpan JobDeadline = TimeSpan.FromMinutes(3);

    private static int _seed = 4000;

    private readonly ITestOutputHelper _output;

    private TestSite(LabSite lab, ITestOutputHelper output)
    {
        Lab = lab;
        _output = output;
    }

    public LabSite Lab { get; }

    public SimulatorEngine Engine => Lab.Simulator.Engine;

    /// <summary>Starts an installation. Ids follow the seed, which is another one for each site, so that queues are the site's own.</summary>
    public static async Task<TestSite> StartAsync(
        SharedServers servers, SimulatorModel model, ITestOutputHelper output, Func<LabOptions, LabOptions>? change = null)
    {
        var seed = Interlocked.Increment(ref _seed);
        output.WriteLine($"seed {seed}");
        var options = new LabOptions
        {
            SeparateProcesses = true,
            Model = model with { Seed = seed },
            Postgres = servers.Postgres,
            RabbitMq = servers.RabbitMq,
            ServerSettings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["Server:PollInterval"] = "00:00:00.2",
                ["Server:RetryDelay"] = "00:00:00.2",
                ["Server:LeaseGrace"] = "00:00:01",
                ["Server:OfferAgainAfter"] = "00:00:05",
                ["Server:ReconcileInterval"] = "00:00:03",
                ["Server:RequestLifetime"] = "00:00:10",
            },
        };
        var lab = await LabSite.StartAsync(change?.Invoke(options) ?? options, new Lines(output), CancellationToken.None).WithinDeadline(JobDeadline);
        return new TestSite(lab, output);
    }

    public async Task<SimulatedVm> VmAsync(string name) =>
        (await Engine.VmsAsync(CancellationToken.None)).Single(vm => vm.Name == name);

    /// <summary>A running VM whose disks are thin copies of those of a VM "golden", which is made a template.</summary>
    public async Task AddThinVmAsync(string name)
    {
        await new ManagerApi(Lab.Simulator).AddThinVmAsync(name, await VmAsync("golden")).WithinDeadline();
        _ = await OvdAsync("manager", "inventory", "--refresh");
    }

    public async Task<SimulatedDisk> DiskAsync(Guid id) =>
        (await Engine.DisksAsync(CancellationToken.None)).Single(disk => disk.Id == id);

    /// <summary>Backs up a VM, waits for the end and expects success.</summary>
    public async Task<Job> BackUpAsync(string vm, bool full = false)
    {
        var job = await Lab.StartBackupAsync(vm, full, CancellationToken.None).WithinDeadline();
        return await SucceedsAsync(job);
    }

    /// <summary>Restores a point as a new VM, waits for the end and expects success.</summary>
    public async Task<Job> RestoreAsync(RestoreVmRequest request)
    {
        var job = await Lab.StartRestoreAsync(request, CancellationToken.None).WithinDeadline();
        return await SucceedsAsync(job);
    }

    public async Task<Job> SucceedsAsync(Job job)
    {
        var ended = await Lab.WaitForEndAsync(job.Id, CancellationToken.None).WithinDeadline(JobDeadline);
        if (ended.Outcome != JobOutcome.Succeeded)
        {
            await WriteLogAsync(ended.Id);
        }

        Assert.True(ended.Outcome == JobOutcome.Succeeded, $"job ended as {ended.Outcome} in {ended.State}: {ended.Message}");
        return ended;
    }

    /// <summary>What the VM's disks hold at this moment, saved as raw files in the order of its disks.</summary>
    public async Task<IReadOnlyList<string>> SaveReferenceAsync(string vmName)
    {
        var vm = await VmAsync(vmName);
        var files = new List<string>();
        foreach (var disk in vm.DiskIds)
        {
            var file = Path.Combine(Lab.DataDirectory, $"reference-{Guid.NewGuid():N}.raw");
            await Engine.SaveReferenceAsync(disk, file, CancellationToken.None).WithinDeadline();
            files.Add(file);
        }

        return files;
    }

    /// <summary>Restores the point as a new VM and compares every byte of every disk with the reference.</summary>
    public async Task RestoresToAsync(Job backup, IReadOnlyList<string> reference, Action<RestoreVmRequest>? change = null)
    {
        var request = new RestoreVmRequest { Point = backup.PointId, Name = $"restored-{Guid.NewGuid():N}"[..20] };
        change?.Invoke(request);
        _ = await RestoreAsync(request);
        await HoldsAsync(request.Name, await NamesAsync(backup), reference);
    }

    /// <summary>Compares a VM's disks, matched by name, with the reference.</summary>
    public async Task HoldsAsync(string vmName, IReadOnlyList<string> diskNames, IReadOnlyList<string> reference)
    {
        var vm = await VmAsync(vmName);
        var disks = (await Engine.DisksAsync(CancellationToken.None)).Where(disk => vm.DiskIds.Contains(disk.Id)).ToList();
        Assert.Equal(reference.Count, disks.Count);
        foreach (var (index, diskName) in diskNames.Index())
        {
            var disk = Assert.Single(disks, candidate => candidate.Name == diskName);
            var difference = await ImageComparison.DifferenceAsync(Lab, disk.Id, reference[index], CancellationToken.None).WithinDeadline(JobDeadline);
            Assert.True(difference is null, $"{vmName}, disk {diskName}: {difference}");
        }
    }

    /// <summary>Makes every read of image data wait, so that there is a middle in which something can happen. Remove it by its name.</summary>
    public ArmedFault SlowReads(TimeSpan delay) => Engine.Faults.Arm(
        new FaultRule { Name = "slow reads", Method = "GET", Path = "/images/*", Delay = delay, Times = int.MaxValue / 2 });

    /// <summary>The same for writes.</summary>
    public ArmedFault SlowWrites(TimeSpan delay) => Engine.Faults.Arm(
        new FaultRule { Name = "slow writes", Method = "PUT", Path = "/images/*", Delay = delay, Times = int.MaxValue / 2 });

    /// <summary>Waits until data of the job is being copied.</summary>
    public Task<Job> CopyingAsync(Job job) =>
        Lab.WaitForAsync(job.Id, state => state.Tasks.Any(task => task.Progress is { ReadBytes: > 0 }), CancellationToken.None).WithinDeadline(JobDeadline);

    /// <summary>Expects that nothing of ours is left on the manager but one checkpoint per VM, and ends the installation.</summary>
    public async Task FinishAsync(int checkpointsPerVm = 1, int snapshotsPerVm = 0)
    {
        IReadOnlyList<string> left = [];
        try
        {
            await Deadline.UntilAsync(
                async () =>
                {
                    left = await LeftoversAsync(checkpointsPerVm, snapshotsPerVm);
                    return left.Count == 0;
                },
                "nothing left on the manager",
                TimeSpan.FromSeconds(45));
        }
        catch (TimeoutException)
        {
            Assert.Empty(left);
        }
    }

    /// <summary>Runs <c>ovd</c> as an operator would; answers what it printed.</summary>
    /// <exception cref="InvalidOperationException">It ended with another code than 0; the message has its output.</exception>
    public Task<string> OvdAsync(params string[] arguments) => ChildProcess.RunAsync(
        Path.Combine(AppContext.BaseDirectory, "ovd"),
        arguments,
        new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["OVD_SERVER"] = Lab.Server.GrpcAddress.GetLeftPart(UriPartial.Authority),
            ["OVD_TLS_CERT"] = Lab.AdminTls.CertificateFile,
            ["OVD_TLS_KEY"] = Lab.AdminTls.KeyFile,
            ["OVD_TLS_CA"] = Lab.AdminTls.CaFile,
        },
        TestContext.Current.CancellationToken).WithinDeadline(TimeSpan.FromMinutes(1));

    public async Task<IReadOnlyList<string>> LeftoversAsync(int checkpointsPerVm = 1, int snapshotsPerVm = 0)
    {
        var report = await Engine.LeftoversAsync(CancellationToken.None);
        var kept = report.Snapshots.Count <= snapshotsPerVm ? report.Snapshots : [];
        return [.. report.All.Where(line => !kept.Any(snapshot => line.Contains(snapshot, StringComparison.Ordinal))), .. report.Checkpoints.Where(vm => vm.Value.Count > checkpointsPerVm).Select(vm => $"{vm.Value.Count} checkpoints of {vm.Key}")];
    }

    public async ValueTask DisposeAsync() => await Lab.DisposeAsync();

    private async Task<IReadOnlyList<string>> NamesAsync(Job backup)
    {
        var point = await Lab.Admin.Points.GetPointAsync(new GetPointRequest { Id = backup.PointId });
        var vm = await VmAsync(backup.VmName);
        return [.. vm.DiskIds.Select(id => point.Point.Disks.Single(disk => disk.Id == id.ToString()).Alias)];
    }

    public async Task WriteLogAsync(string jobId)
    {
        var log = await Lab.Admin.Jobs.ListJobLogsAsync(new ListJobLogsRequest { Id = jobId });
        foreach (var entry in log.Entries)
        {
            _output.WriteLine($"{entry.Time.ToDateTimeOffset():HH:mm:ss.fff} {entry.Severity}: {entry.Message}");
        }
    }

    private sealed class Lines(ITestOutputHelper output) : IProgress<string>
    {
        public void Report(string value) => output.WriteLine(value);
    }
}
