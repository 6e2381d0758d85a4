// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Benchmarks.Contenders;
using OvirtDistributed.Benchmarks.Images;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Benchmarks.Report;
using OvirtDistributed.Benchmarks.Scenarios;
using OvirtDistributed.Lab.Certificates;

namespace OvirtDistributed.Benchmarks;

/// <summary>One run: images, interleaved rounds, medians. Every restored image is compared byte for byte before its time counts.</summary>
internal sealed class BenchRun(BenchOptions options, TextWriter output) : IAsyncDisposable
{
    private const double MiB = 1 << 20;

    private readonly string _directory = Directory.CreateTempSubdirectory("ovd-bench-").FullName;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<IContender> _contenders = [];
    private readonly Samples _samples = new();

    /// <summary>Where the table for programs goes, below the current directory.</summary>
    public const string ResultFile = "artifacts/bench.json";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Tools.Check();
        var versions = await Tools.VersionsAsync(cancellationToken);
        Say($"{Environment.ProcessorCount} cores; {string.Join("; ", versions)}");
        Say($"images: {options.SizeMiB} MiB each, below {_directory}");
        var images = await TestImages.CreateAsync(Path.Combine(_directory, "images"), options.SizeMiB, cancellationToken);
        Say($"images are ready; {images.ChangedBytes / MiB:0} MiB of the disk change");

        var tlsDirectory = Path.Combine(_directory, "tls");
        var certificates = LabCertificates.Create(tlsDirectory, TimeProvider.System);
        OvdContender[] ours =
        [
            new(throughImageIo: true, tracksChanges: true, certificates, tlsDirectory),
            new(throughImageIo: false, tracksChanges: true, certificates, tlsDirectory),
            new(throughImageIo: false, tracksChanges: false, certificates, tlsDirectory),
        ];
        IContender[] all = [.. ours, new ResticContender(), new BorgContender(), new QemuImgContender()];
        _contenders.AddRange(all.Where(contender => options.Admits(contender.Name)));
        if (_contenders.Count == 0)
        {
            throw new InvalidOperationException($"--contenders names none of: {string.Join(", ", all.Select(contender => contender.Name))}.");
        }

        for (var round = 1; round <= options.Rounds && options.WantsRivals; round++)
        {
            // Each round starts with another contender, so that none always follows the same one.
            for (var i = 0; i < _contenders.Count; i++)
            {
                await RunOneAsync(_contenders[(i + round - 1) % _contenders.Count], round, images, cancellationToken);
            }
        }

        var measures = Targets.Evaluate(_samples);
        measures.AddRange(await RunScenariosAsync(images, cancellationToken));
        BenchReport.WriteTable(output, measures);
        BenchReport.WriteNotes(output, versions);
        foreach (var contender in ours.Where(contender => options.Admits(contender.Name)))
        {
            BenchReport.WriteProfile(output, contender);
        }

        await BenchReport.WriteFileAsync(ResultFile, measures, cancellationToken);
        output.WriteLine();
        Say($"done; written to {ResultFile}");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var contender in _contenders)
        {
            await contender.DisposeAsync();
        }

        if (options.Keep)
        {
            output.WriteLine($"Kept: {_directory}");
        }
        else
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task<IReadOnlyList<Measure>> RunScenariosAsync(TestImages images, CancellationToken cancellationToken)
    {
        var measures = new List<Measure>();
        if (options.Wants(BenchOptions.Limit))
        {
            measures.AddRange(await new LimitScenario(_directory, Say).RunAsync(images.Changed, options.Rounds, cancellationToken));
        }

        if (options.Wants(BenchOptions.Size))
        {
            measures.AddRange(await new SizeScenario(_directory, Say).RunAsync(images.First, cancellationToken));
        }

        if (options.Wants(BenchOptions.Parallel))
        {
            measures.AddRange(await new ParallelScenario(_directory, Say).RunAsync(images.First, cancellationToken));
        }

        if (options.Wants(BenchOptions.Year))
        {
            measures.AddRange(await new YearScenario(_directory, options.Days, Say).RunAsync(images.First, cancellationToken));
        }

        return measures;
    }

    private async Task RunOneAsync(IContender contender, int round, TestImages images, CancellationToken cancellationToken)
    {
        var directory = Path.Combine(_directory, $"round{round}-{_contenders.IndexOf(contender)}");
        await contender.PrepareAsync(directory, cancellationToken);
        await MeasureAsync(contender, BenchOptions.Full, Quantity.Full, () => contender.BackUpAsync(images.First, cancellationToken), cancellationToken);
        var size = StoreSize(contender);
        Record(contender, BenchOptions.Full, Quantity.SizeAfterFull, size / MiB);
        var last = images.First;
        if (contender.IsIncremental && (options.Wants(BenchOptions.Incremental) || options.Wants(BenchOptions.Restore)))
        {
            last = images.Changed;
            await MeasureAsync(contender, BenchOptions.Incremental, Quantity.Incremental, () => contender.BackUpAsync(last, cancellationToken), cancellationToken);
            Record(contender, BenchOptions.Incremental, Quantity.IncrementalGrowth, (StoreSize(contender) - size) / MiB);
        }

        if (options.Wants(BenchOptions.Restore))
        {
            var file = Path.Combine(directory, "restored.raw");
            await MeasureAsync(contender, BenchOptions.Restore, Quantity.Restore, () => contender.RestoreAsync(file, last.SizeBytes, cancellationToken), cancellationToken);
            await RestoredImage.CompareAsync(contender.Name, last.RawFile, file, cancellationToken);
        }

        await MeasureSecondDiskAsync(contender, round, images, cancellationToken);
        await contender.EndRoundAsync();
        RecordUsage(contender);
        if (!options.Keep)
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>How much a second VM adds is a matter of content, not of luck: one round is enough.</summary>
    private async Task MeasureSecondDiskAsync(IContender contender, int round, TestImages images, CancellationToken cancellationToken)
    {
        if (round > 1 || !contender.IsIncremental || !options.Wants(BenchOptions.Full))
        {
            return;
        }

        var before = StoreSize(contender);
        await contender.BackUpSecondDiskAsync(images.Second, cancellationToken);
        _samples.Add(contender.Name, Quantity.SecondDiskGrowth, (StoreSize(contender) - before) / MiB);
    }

    private async Task MeasureAsync(
        IContender contender, string step, string quantity, Func<Task<TimeSpan>> run, CancellationToken cancellationToken)
    {
        // What the step before left to be written would be counted here.
        _ = await Tools.RunAsync("sync", [], null, cancellationToken);
        var took = await run();
        Record(contender, step, quantity, took.TotalSeconds);
        Say($"{contender.Name,-14} {step,-12} {took.TotalSeconds,7:0.00} s");
    }

    private void Record(IContender contender, string step, string quantity, double value)
    {
        if (options.Wants(step))
        {
            _samples.Add(contender.Name, quantity, value);
        }
    }

    private void RecordUsage(IContender contender)
    {
        if (contender is not OvdContender ours)
        {
            return;
        }

        _samples.Add(ours.Name, Quantity.WorkerPeak, ours.Usage.WorkerPeakMiB);
        _samples.Add(ours.Name, Quantity.MoverPeak, ours.Usage.MoverPeakMiB);
        _samples.Add(ours.Name, Quantity.WorkerAllocated, ours.Usage.WorkerAllocatedPerGiB / MiB);
        if (ours.Usage.MoverAllocatedPerGiB is { } mover)
        {
            _samples.Add(ours.Name, Quantity.MoverAllocated, mover / MiB);
        }
    }

    private static long StoreSize(IContender contender) =>
        new DirectoryInfo(contender.StoreDirectory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);

    private void Say(string text) => output.WriteLine($"[{Stopwatch.GetElapsedTime(_started).TotalSeconds,5:0}] {text}");
}
