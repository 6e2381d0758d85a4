// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Benchmarks.Report;

namespace OvirtDistributed.Benchmarks.Scenarios;

/// <summary>
/// A year of daily incrementals, each after 3 % of the disk was rewritten in random 64 KiB blocks; 7 daily, 4 weekly and 12 monthly points are
/// kept, garbage is collected every week. In the end the newest point is compared with a fresh full backup of the same disk in a new repository.
/// </summary>
internal sealed class YearScenario(string directory, int days, Action<string> say)
{
    private const double MiB = 1 << 20;
    private const double DailyShare = 0.03;
    private const int Week = 7;
    private const int Month = 30;
    private const int RestoreRounds = 3;
    private const string Disk = "disk";

    private readonly Random _random = new(4);
    private readonly List<int> _points = [];

    public async Task<IReadOnlyList<Measure>> RunAsync(TestImage original, CancellationToken cancellationToken)
    {
        var image = await DerivedImage.CreateAsync(directory, "year-disk", original.RawFile, [7], cancellationToken);
        await using var aged = await ScenarioSite.StartAsync(Path.Combine(directory, "year"), workers: 1, cancellationToken);
        await AgeAsync(aged, image, original.RawFile, cancellationToken);
        await using var fresh = await ScenarioSite.StartAsync(Path.Combine(directory, "fresh"), workers: 1, cancellationToken);
        _ = await fresh.BackUpAsync(0, image, Disk, PointOf(days), null, cancellationToken);

        var old = new List<double>();
        var young = new List<double>();
        for (var round = 0; round < RestoreRounds; round++)
        {
            old.Add(await RestoreAsync(aged, image, cancellationToken));
            young.Add(await RestoreAsync(fresh, image, cancellationToken));
        }

        return
        [
            new Measure($"restore after {days} days, s ÷ restore of a fresh full", Middle(old), "fresh", Middle(young), null, null),
            new Measure($"repository after {days} days with {_points.Count} points, MiB ÷ fresh full", SizeOf(aged) / MiB, "fresh", SizeOf(fresh) / MiB, null, null),
        ];
    }

    private async Task AgeAsync(ScenarioSite site, TestImage image, string content, CancellationToken cancellationToken)
    {
        _ = await site.BackUpAsync(0, image, Disk, PointOf(0), null, cancellationToken);
        _points.Add(0);
        for (var day = 1; day <= days; day++)
        {
            var blocks = await RewriteAsync(image, content, day, cancellationToken);
            _ = await site.BackUpAsync(0, image with { DirtyBlocks = blocks }, Disk, PointOf(day), PointOf(day - 1), cancellationToken);
            _points.Add(day);
            foreach (var old in _points.Where(point => !IsKept(point, day)).ToList())
            {
                await site.Mover.RemovePointAsync(MoverProcess.Repository, PointOf(old), cancellationToken);
                _ = _points.Remove(old);
            }

            if (day % Week == 0 || day == days)
            {
                var report = await site.Mover.CollectGarbageAsync(MoverProcess.Repository, cancellationToken);
                if (day % Month < Week || day == days)
                {
                    say($"day {day}: {_points.Count} points, repository {SizeOf(site) / MiB:0} MiB, in use {report.LiveBytes / MiB:0} MiB");
                }
            }
        }
    }

    /// <summary>Other content in random blocks: a piece of the original from anywhere, changed by the day.</summary>
    private async Task<List<long>> RewriteAsync(TestImage image, string content, int day, CancellationToken cancellationToken)
    {
        var count = (int)(image.SizeBytes / TestImages.BlockBytes);
        var blocks = Enumerable.Range(0, (int)(count * DailyShare)).Select(_ => (long)_random.Next(count) * TestImages.BlockBytes).Distinct().Order().ToList();
        await using var source = File.OpenRead(content);
        await using var target = new FileStream(image.RawFile, FileMode.Open, FileAccess.Write);
        var block = new byte[TestImages.BlockBytes];
        foreach (var offset in blocks)
        {
            do
            {
                source.Position = (long)_random.Next(count) * TestImages.BlockBytes;
                await source.ReadExactlyAsync(block, cancellationToken);
            }
            while (!block.AsSpan().ContainsAnyExcept((byte)0));

            DerivedImage.Mask(block, (byte)(day % 251));
            target.Position = offset;
            await target.WriteAsync(block, cancellationToken);
        }

        return blocks;
    }

    private async Task<double> RestoreAsync(ScenarioSite site, TestImage image, CancellationToken cancellationToken)
    {
        var file = Path.Combine(directory, "restored.raw");
        _ = await Tools.RunAsync("sync", [], null, cancellationToken);
        var took = await site.RestoreAsync(0, Disk, PointOf(days), file, image.SizeBytes, cancellationToken);
        await RestoredImage.CompareAsync("ovd", image.RawFile, file, cancellationToken);
        File.Delete(file);
        return took.TotalSeconds;
    }

    private static bool IsKept(int point, int today) =>
        point > today - Week || (point % Week == 0 && point > today - (4 * Week)) || (point % Month == 0 && point > today - (12 * Month));

    private static double SizeOf(ScenarioSite site) =>
        new DirectoryInfo(site.StoreDirectory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private static double Middle(List<double> values) => values.Order().ElementAt(values.Count / 2);

    private static string PointOf(int day) => $"day{day:D4}";
}
