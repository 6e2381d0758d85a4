// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Report;

namespace OvirtDistributed.Benchmarks.Scenarios;

/// <summary>Several VMs at once on one Data Mover, a worker process for each, against the same disks one after the other. Nothing deduplicates between them.</summary>
internal sealed class ParallelScenario(string directory, Action<string> say)
{
    private const int Vms = 4;

    public async Task<IReadOnlyList<Measure>> RunAsync(TestImage original, CancellationToken cancellationToken)
    {
        var images = new List<TestImage>();
        for (var vm = 0; vm < Vms; vm++)
        {
            images.Add(await DerivedImage.CreateAsync(directory, $"vm{vm}", original.RawFile, [(byte)(vm + 16)], cancellationToken));
        }

        var alone = await RunAsync("one-by-one", images, atOnce: false, cancellationToken);
        var together = await RunAsync("at-once", images, atOnce: true, cancellationToken);
        images.ForEach(image => Directory.Delete(image.Directory, recursive: true));
        return
        [
            new Measure($"full backup of {Vms} VMs at once, s ÷ one by one", together.Backup, "one by one", alone.Backup, null, null),
            new Measure($"restore of {Vms} VMs at once, s ÷ one by one", together.Restore, "one by one", alone.Restore, null, null),
            new Measure($"peak RSS of the Data Mover, MiB, {Vms} VMs at once ÷ one by one", together.Mover, "one by one", alone.Mover, null, null),
        ];
    }

    private async Task<(double Backup, double Restore, double Mover)> RunAsync(
        string name, IReadOnlyList<TestImage> images, bool atOnce, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(directory, name);
        await using var site = await ScenarioSite.StartAsync(folder, Vms, cancellationToken);
        var backup = await RunAllAsync(atOnce, vm => site.BackUpAsync(vm, images[vm], $"disk{vm}", $"point{vm}", null, cancellationToken));
        var restore = await RunAllAsync(
            atOnce, vm => site.RestoreAsync(vm, $"disk{vm}", $"point{vm}", Path.Combine(folder, $"restored{vm}.raw"), images[vm].SizeBytes, cancellationToken));
        for (var vm = 0; vm < Vms; vm++)
        {
            await RestoredImage.CompareAsync("ovd", images[vm].RawFile, Path.Combine(folder, $"restored{vm}.raw"), cancellationToken);
        }

        var peak = site.MoverPeakMiB;
        await site.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        say($"{Vms} VMs {name}: full {backup.TotalSeconds:0.00} s, restore {restore.TotalSeconds:0.00} s, Data Mover {peak:0} MiB");
        return (backup.TotalSeconds, restore.TotalSeconds, peak);
    }

    private static async Task<TimeSpan> RunAllAsync(bool atOnce, Func<int, Task<TimeSpan>> task)
    {
        var started = Stopwatch.GetTimestamp();
        if (atOnce)
        {
            _ = await Task.WhenAll(Enumerable.Range(0, Vms).Select(task));
        }
        else
        {
            for (var vm = 0; vm < Vms; vm++)
            {
                _ = await task(vm);
            }
        }

        return Stopwatch.GetElapsedTime(started);
    }
}
