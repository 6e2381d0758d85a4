// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Report;

namespace OvirtDistributed.Benchmarks.Scenarios;

/// <summary>Memory must not follow the disk's size: full backup and restore of one disk and of one four times as large, each by fresh processes.</summary>
internal sealed class SizeScenario(string directory, Action<string> say)
{
    private const int Times = 4;

    public async Task<IReadOnlyList<Measure>> RunAsync(TestImage original, CancellationToken cancellationToken)
    {
        var small = await RunOneAsync("size1", original, cancellationToken);
        var large = await DerivedImage.CreateAsync(directory, "times4", original.RawFile, [0, 1, 2, 3], cancellationToken);
        var big = await RunOneAsync("size4", large, cancellationToken);
        Directory.Delete(large.Directory, recursive: true);
        return
        [
            new Measure($"peak RSS of the worker, MiB, disk × {Times} ÷ disk", big.Worker, "disk", small.Worker, 1.05, null),
            new Measure($"peak RSS of the Data Mover, MiB, disk × {Times} ÷ disk", big.Mover, "disk", small.Mover, 1.05, null),
        ];
    }

    private async Task<(double Worker, double Mover)> RunOneAsync(string name, TestImage image, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(directory, name);
        await using var site = await ScenarioSite.StartAsync(folder, workers: 1, cancellationToken);
        var restored = Path.Combine(folder, "restored.raw");
        var backup = await site.BackUpAsync(0, image, "disk", "point", null, cancellationToken);
        var restore = await site.RestoreAsync(0, "disk", "point", restored, image.SizeBytes, cancellationToken);
        await RestoredImage.CompareAsync("ovd", image.RawFile, restored, cancellationToken);
        var peaks = (site.WorkerPeakMiB, site.MoverPeakMiB);
        await site.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        say($"disk of {image.SizeBytes >> 20} MiB: full {backup.TotalSeconds:0.00} s, restore {restore.TotalSeconds:0.00} s, worker {peaks.WorkerPeakMiB:0} MiB, Data Mover {peaks.MoverPeakMiB:0} MiB");
        return peaks;
    }
}
