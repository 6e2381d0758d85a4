// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Lab.Sites;
using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Demo;

/// <summary>
/// The demo: a full backup of a running VM while its guest writes, an incremental one after more writes and a discard, a restore of both points
/// to new VMs, and a comparison of every byte with what the disks held at those moments. Succeeds only when all matched.
/// </summary>
internal sealed class DemoRun(DemoOptions options, TextWriter output)
{
    private LabSite _site = null!;
    private OperatorShell _shell = null!;
    private GuestActivity _guest = null!;
    private List<SimulatedDisk> _disks = [];
    private string _pointId = "";

    /// <summary>Answers the exit code.</summary>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        await output.WriteLineAsync(options.RabbitMq
            ? "Starting the lab: every service as its own process, over RabbitMQ."
            : "Starting the lab: one process, in-memory bus.");
        var lab = new LabOptions
        {
            DataDirectory = options.DataDirectory,
            SeparateProcesses = options.RabbitMq,
            Model = DemoModel.Create(options.SizeMiB),
        };
        _site = await LabSite.StartAsync(lab, new ConsoleProgress(output), cancellationToken);
        await using (_site)
        {
            _shell = new OperatorShell(_site, output);
            _guest = new GuestActivity(_site, seed: 7);
            _disks = await DisksOfAsync(DemoModel.Vm, cancellationToken);
            var good = await BackUpAndRestoreAsync(cancellationToken);
            await output.WriteLineAsync(
                $"{(good ? "Demo passed" : "DEMO FAILED")} in {TimeProvider.System.GetElapsedTime(started).TotalSeconds:0} s.");
            if (options.Keep)
            {
                await KeepAsync(cancellationToken);
            }

            return good ? 0 : 1;
        }
    }

    private async Task<bool> BackUpAndRestoreAsync(CancellationToken cancellationToken)
    {
        await HeadingAsync("What there is");
        await _shell.RunAsync(["vm", "list"], cancellationToken);
        await _shell.RunAsync(["worker", "list"], cancellationToken);

        await HeadingAsync("Full backup of the running VM; its guest goes on writing meanwhile");
        await SaveReferencesAsync("full", cancellationToken);
        var full = await BackUpAsync("--full", cancellationToken);
        _pointId = full.PointId[..8];

        await HeadingAsync("The guest writes and discards; incremental backup");
        await GuestWorksAsync(cancellationToken);
        await SaveReferencesAsync("incremental", cancellationToken);
        var incremental = await BackUpAsync(null, cancellationToken);

        await HeadingAsync("Both points are restored to new VMs, the second one in another cluster");
        await _shell.RunAsync(["point", "list"], cancellationToken);
        await _shell.RunAsync(["restore", "vm", full.PointId, "--name", "web-from-full", "--wait"], cancellationToken);
        await _shell.RunAsync(
            ["restore", "vm", incremental.PointId, "--name", "web-from-incremental", "--cluster", DemoModel.OtherCluster, "--wait"], cancellationToken);

        await HeadingAsync("Comparison of every byte, by qemu-img compare");
        var good = await CompareAsync("full", "web-from-full", cancellationToken);
        good &= await CompareAsync("incremental", "web-from-incremental", cancellationToken);
        good &= await NothingIsLeftAsync(cancellationToken);

        await new DemoReport(output).WriteAsync(full, incremental, await RepositoryAsync(cancellationToken), _disks.Sum(disk => disk.SizeBytes));
        return good;
    }

    /// <summary>Runs the backup through <c>ovd</c>; once data is being copied the guest writes, which the restore point must not see.</summary>
    private async Task<Job> BackUpAsync(string? option, CancellationToken cancellationToken)
    {
        string[] command = ["backup", "run", DemoModel.Vm, .. option is null ? Array.Empty<string>() : [option], "--wait"];
        var before = await NewestJobAsync(cancellationToken);
        var run = _shell.RunAsync(command, cancellationToken);
        try
        {
            var job = await WaitForNewJobAsync(before?.Id, run, cancellationToken);
            job = await _site.WaitForAsync(job.Id, state => state.Tasks.Any(task => task.Progress?.ReadBytes > 0) || JobExtensions.HasEnded(state), cancellationToken);
            foreach (var disk in _disks)
            {
                _ = await _guest.WriteAsync(disk.Id, disk.SizeBytes, 20, cancellationToken);
            }

            return await _site.WaitForEndAsync(job.Id, cancellationToken);
        }
        finally
        {
            await run;
        }
    }

    private async Task<Job> WaitForNewJobAsync(string? knownId, Task run, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await NewestJobAsync(cancellationToken) is { } job && job.Id != knownId)
            {
                return job;
            }

            if (run.IsCompleted)
            {
                await run;
                throw new InvalidOperationException("ovd ended without starting a job.");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }
    }

    private async Task<Job?> NewestJobAsync(CancellationToken cancellationToken)
    {
        var reply = await _site.Admin.Jobs.ListJobsAsync(new ListJobsRequest { Limit = 1 }, cancellationToken: cancellationToken);
        return reply.Jobs.FirstOrDefault();
    }

    private async Task GuestWorksAsync(CancellationToken cancellationToken)
    {
        long written = 0, trimmed = 0;
        foreach (var disk in _disks)
        {
            trimmed += await _guest.TrimAsync(disk.Id, disk.SizeBytes, cancellationToken);
            written += await _guest.WriteAsync(disk.Id, disk.SizeBytes, 200, cancellationToken);
        }

        await output.WriteLineAsync($"guest: {ByteText.Of(written)} written in blocks of 64 KiB, {ByteText.Of(trimmed)} discarded");
    }

    private async Task SaveReferencesAsync(string moment, CancellationToken cancellationToken)
    {
        foreach (var (index, disk) in _disks.Index())
        {
            await _site.Simulator.Engine.SaveReferenceAsync(disk.Id, ReferenceFile(moment, index), cancellationToken);
        }
    }

    private string ReferenceFile(string moment, int index) => Path.Combine(_site.DataDirectory, $"reference-{moment}-{index}.raw");

    private async Task<bool> CompareAsync(string moment, string vmName, CancellationToken cancellationToken)
    {
        var restored = await DisksOfAsync(vmName, cancellationToken);
        var good = restored.Count == _disks.Count;
        if (!good)
        {
            await output.WriteLineAsync($"{vmName}: {_disks.Count} disks expected, {restored.Count} found");
        }

        foreach (var (index, original) in _disks.Index())
        {
            var copy = restored.SingleOrDefault(disk => disk.Name == original.Name) ?? restored.ElementAtOrDefault(index);
            var difference = copy is null
                ? "the disk is missing"
                : await ImageComparison.DifferenceAsync(_site, copy.Id, ReferenceFile(moment, index), cancellationToken);
            await output.WriteLineAsync($"{vmName,-22} {original.Name,-14} {ByteText.Of(original.SizeBytes),10}  {(difference is null ? "identical" : $"DIFFERENT: {difference}")}");
            good &= difference is null;
        }

        return good;
    }

    private async Task<bool> NothingIsLeftAsync(CancellationToken cancellationToken)
    {
        var left = await _site.Simulator.Engine.LeftoversAsync(cancellationToken);
        var extra = left.Checkpoints.Where(vm => vm.Value.Count > 1).Select(vm => $"{vm.Value.Count} checkpoints of {vm.Key}");
        var all = left.All.Concat(extra).ToList();
        await output.WriteLineAsync(all.Count == 0
            ? "left on the manager: nothing (no snapshot, backup, transfer or lock; one checkpoint for the next incremental)"
            : $"LEFT ON THE MANAGER: {string.Join("; ", all)}");
        return all.Count == 0;
    }

    private async Task<Contracts.Admin.V1.Repository> RepositoryAsync(CancellationToken cancellationToken)
    {
        var reply = await _site.Admin.Repositories.ListRepositoriesAsync(new ListRepositoriesRequest(), cancellationToken: cancellationToken);
        return reply.Repositories.Single();
    }

    private async Task<List<SimulatedDisk>> DisksOfAsync(string vmName, CancellationToken cancellationToken)
    {
        var vms = await _site.Simulator.Engine.VmsAsync(cancellationToken);
        var vm = vms.SingleOrDefault(candidate => candidate.Name == vmName) ?? throw new InvalidOperationException($"There is no VM {vmName} on the manager.");
        var disks = await _site.Simulator.Engine.DisksAsync(cancellationToken);
        return [.. vm.DiskIds.Select(id => disks.Single(disk => disk.Id == id)).OrderBy(disk => disk.Name, StringComparer.Ordinal)];
    }

    private async Task KeepAsync(CancellationToken cancellationToken)
    {
        await HeadingAsync("The lab goes on running. In another shell:");
        foreach (var (name, value) in _shell.Environment)
        {
            await output.WriteLineAsync($"export {name}={value}");
        }

        await output.WriteLineAsync($"alias ovd={OperatorShell.Program}");
        foreach (var example in Examples())
        {
            await output.WriteLineAsync(example);
        }

        await output.WriteLineAsync($"oVirt API of the simulator: {_site.Simulator.ApiUrl} (admin@internal / password). Metrics: {_site.Server.HttpAddress}metrics");
        await output.WriteLineAsync("Ctrl-C ends it.");
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            await output.WriteLineAsync("Stopping the lab.");
        }
    }

    /// <summary>Each works as it stands here: the VM has several disks, so one is named.</summary>
    private string[] Examples() =>
    [
        "ovd status",
        "ovd vm list",
        "ovd backup run mail --wait",
        "ovd job list",
        "ovd point list",
        $"ovd restore disk {_pointId} {_disks[0].Name} --to-file /tmp/{_disks[0].Name}.raw",
    ];

    private async Task HeadingAsync(string text)
    {
        await output.WriteLineAsync();
        await output.WriteLineAsync($"== {text}");
    }
}
