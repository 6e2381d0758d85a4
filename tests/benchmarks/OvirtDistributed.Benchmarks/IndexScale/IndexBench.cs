// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Benchmarks.Processes;
using OvirtDistributed.Benchmarks.Report;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>The digest index of a large repository by itself: growth, look-ups, opening, and its rebuild from the footers of packs.</summary>
internal sealed class IndexBench(IndexOptions options, TextWriter output) : IDisposable
{
    public const string ResultFile = "artifacts/bench-index.json";

    private const double MiB = 1 << 20;
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);

    private readonly string _directory = options.Kept.Length > 0 ? Path.GetFullPath(options.Kept) : Directory.CreateTempSubdirectory("ovd-bench-index-").FullName;
    private readonly RepositoryStoreOptions _storeOptions = new();
    private readonly RepositoryParameters _parameters = RepositoryParameters.CreateRandom();
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly List<Measure> _measures = [];

    private string IndexDirectory => Path.Combine(_directory, RunFormat.Folder);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var storage = new CountingStorage(LocalStorage.Open(_directory));
        var packs = new SyntheticPacks(options.Digests, _parameters.RepositoryId);
        Say($"{options.Digests:N0} digests in {packs.Count:N0} packs, {Environment.ProcessorCount} cores, below {_directory}");
        if (options.Kept.Length == 0)
        {
            await InsertAsync(storage, packs, cancellationToken);
            Say($"writing the ends of {packs.Count:N0} packs");
            WritePacks(packs, cancellationToken);
        }

        await LookUpWarmAsync(storage, packs, cancellationToken);
        await LookUpColdAsync(storage, packs, present: false, cancellationToken);
        await LookUpColdAsync(storage, packs, present: true, cancellationToken);
        if (options.Kept.Length == 0)
        {
            await RebuildAsync(storage, packs, cancellationToken);
        }

        await BenchReport.WriteFileAsync(ResultFile, _measures, cancellationToken);
        Say($"done; written to {ResultFile}");
    }

    public void Dispose()
    {
        if (options.Keep || options.Kept.Length > 0)
        {
            output.WriteLine($"Kept: {_directory}");
        }
        else
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task InsertAsync(CountingStorage storage, SyntheticPacks packs, CancellationToken cancellationToken)
    {
        var table = new PackTable();
        await using var index = new DigestIndex(storage, [], table.IsUsable, _storeOptions, NullLogger.Instance, 0);
        var insert = new InsertBench(index, packs, table, options);
        using var memory = new PeakMemory();
        await insert.RunAsync(cancellationToken);
        var size = IndexSize();
        Record("insert, s", insert.Inserting.TotalSeconds);
        Record("insert, µs a digest", insert.Inserting.TotalMicroseconds / options.Digests);
        Record("insert with all merges, s", insert.Settled.TotalSeconds);
        Record("insert with all merges, CPU µs a digest", insert.Cpu.TotalMicroseconds / options.Digests);
        Record("longest wait of a flush or commit for the index, s", insert.LongestWait.TotalSeconds);
        Record("bytes written ÷ bytes of the index", (double)storage.Written / size, gate: 4);
        Record("runs at most", insert.MostRuns);
        Record("runs in the end", index.RunCount);
        Record("index on disk, MiB", size / MiB);
        Record("index on disk, bytes a digest", (double)size / options.Digests);
        Record("highest memory while inserting, MiB", memory.PeakMiB);
        Record("memory after inserting, MiB", ProcessFigures.AnonymousMiB);
        Record("managed heap after inserting, MiB", ProcessFigures.ManagedHeapMiB);
        Record("mapped pages after inserting, MiB", ProcessFigures.MappedMiB);
        Record("entries missing", options.Digests - index.Totals().Entries, gate: 0);
    }

    private void WritePacks(SyntheticPacks packs, CancellationToken cancellationToken)
    {
        var frames = new List<PackFrame>();
        for (var pack = 1u; pack <= packs.Count; pack++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            packs.FramesOf(pack, frames);
            packs.WriteSparse(_directory, pack, frames);
        }
    }

    private async Task LookUpWarmAsync(IStorageBackend storage, SyntheticPacks packs, CancellationToken cancellationToken)
    {
        var (recovered, took) = await OpenAsync(storage, cancellationToken);
        await using var index = recovered.Index;
        Record("opening, warm, s", took.TotalSeconds);
        Record("packs read at opening", recovered.Report.ReindexedPacks, gate: 0);
        ReadIndex();
        var bench = new LookupBench(index, packs);

        // What is in the page cache has yet to be mapped, page by page, by whoever touches it first: once in the life of a process.
        LookUp(bench, "mapping its pages", present: true, LookupBench.Batch, threads: 2, WarmUp);
        foreach (var threads in new[] { 1, 2 })
        {
            foreach (var batch in new[] { 1, LookupBench.Batch })
            {
                LookUp(bench, "warm", present: false, batch, threads);
                LookUp(bench, "warm", present: true, batch, threads);
            }
        }

        await MeasureFiltersAsync(storage, packs, cancellationToken);
        Record("memory with the index in use, MiB", ProcessFigures.AnonymousMiB);
        Record("managed heap with the index in use, MiB", ProcessFigures.ManagedHeapMiB);
        Record("mapped pages with the index in use, MiB", ProcessFigures.MappedMiB);
    }

    private async Task LookUpColdAsync(IStorageBackend storage, SyntheticPacks packs, bool present, CancellationToken cancellationToken)
    {
        await DropCacheAsync(cancellationToken);
        var (recovered, took) = await OpenAsync(storage, cancellationToken);
        await using var index = recovered.Index;
        Record($"opening, cold, before {(present ? "hits" : "misses")}, s", took.TotalSeconds);
        LookUp(new LookupBench(index, packs), "cold", present, LookupBench.Batch, threads: 1);
    }

    private void LookUp(LookupBench bench, string state, bool present, int batch, int threads, TimeSpan? duration = null)
    {
        var read = ProcessFigures.DiskReadBytes;
        var figures = bench.Measure(present, batch, threads, duration ?? Duration);
        read = ProcessFigures.DiskReadBytes - read;
        var name = $"look-up, {state}, {(present ? "hits" : "misses")}, {(batch == 1 ? "single" : $"by {batch}")}, {threads} thread{(threads == 1 ? string.Empty : "s")}";
        var each = (double)figures.Lookups;
        Record($"{name}, µs", 1e6 / figures.PerSecond, note: $"{figures.PerSecond:N0}/s, {figures.AllocatedBytes / each:0.000} B allocated, {read / each:N0} B read each");
        Record($"{name}, CPU µs", figures.Cpu.TotalMicroseconds / each);
    }

    private void ReadIndex()
    {
        var buffer = new byte[1 << 20];
        foreach (var file in Directory.GetFiles(IndexDirectory))
        {
            using var handle = File.OpenHandle(file);
            for (var (offset, read) = (0L, 1); read > 0; offset += read)
            {
                read = RandomAccess.Read(handle, buffer, offset);
            }
        }
    }

    private async Task MeasureFiltersAsync(IStorageBackend storage, SyntheticPacks packs, CancellationToken cancellationToken)
    {
        const int Probes = 200_000;
        var random = new Random(1);
        var (yes, runs, blocks) = (0L, 0, 0L);
        foreach (var file in Directory.GetFiles(IndexDirectory))
        {
            var run = await IndexRun.OpenAsync(storage, $"{RunFormat.Folder}/{Path.GetFileName(file)}", cancellationToken);
            for (var i = 0; i < Probes; i++)
            {
                yes += run.MayContain(packs.Pick(random, present: false)) ? 1 : 0;
            }

            runs++;
            blocks += run.Format.BloomBlocks;
            run.Release();
        }

        Record("false positives of a Bloom filter, %", 100.0 * yes / ((long)Probes * runs));
        Record("Bloom filters, bytes a digest", (double)blocks * BloomFilter.BlockSize / options.Digests);
    }

    private async Task RebuildAsync(IStorageBackend storage, SyntheticPacks packs, CancellationToken cancellationToken)
    {
        foreach (var file in Directory.GetFiles(IndexDirectory))
        {
            File.Delete(file);
        }

        using (var memory = new PeakMemory())
        {
            var cpu = Environment.CpuUsage.TotalTime;
            var (recovered, took) = await OpenAsync(storage, cancellationToken);
            await using var index = recovered.Index;
            Record("rebuild from footers, s", took.TotalSeconds);
            Record("rebuild from footers, CPU s", (Environment.CpuUsage.TotalTime - cpu).TotalSeconds);
            Record("rebuild, highest memory, MiB", memory.PeakMiB);
            Record("rebuild, packs not read", packs.Count - recovered.Report.ReindexedPacks, gate: 0);
            Record("rebuild, runs", index.RunCount);
            CheckRebuilt(index, packs);
        }
    }

    private static void CheckRebuilt(DigestIndex index, SyntheticPacks packs)
    {
        var random = new Random(2);
        for (var i = 0; i < 100_000; i++)
        {
            var number = random.NextInt64(packs.Digests);
            if (!index.TryFind(SyntheticPacks.DigestOf(number), out var entry) || entry.Pack != SyntheticPacks.PackOf(number))
            {
                throw new InvalidOperationException($"digest {number} is not where it should be after the rebuild.");
            }
        }
    }

    /// <summary>What the opening of a repository does before sessions may come.</summary>
    private async Task<(RecoveredState State, TimeSpan Took)> OpenAsync(IStorageBackend storage, CancellationToken cancellationToken)
    {
        var began = Stopwatch.GetTimestamp();
        var recovery = new Recovery(storage, _parameters, ContentKeys.Plain, _storeOptions, TimeProvider.System, NullLogger.Instance);
        var state = await recovery.RunAsync(cancellationToken);
        return (state, Stopwatch.GetElapsedTime(began));
    }

    /// <summary>Gives back the page cache of these files alone: others who work on the machine keep theirs.</summary>
    private async Task DropCacheAsync(CancellationToken cancellationToken)
    {
        _ = await Tools.RunAsync("sync", [], null, cancellationToken);
        foreach (var file in Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories))
        {
            if (file.StartsWith(IndexDirectory, StringComparison.Ordinal))
            {
                _ = await Tools.RunAsync("dd", [$"if={file}", "iflag=nocache", "count=0", "status=none"], null, cancellationToken);
            }
        }
    }

    private long IndexSize() => new DirectoryInfo(IndexDirectory).EnumerateFiles().Sum(file => file.Length);

    private void Record(string name, double value, double? gate = null, string? note = null)
    {
        var measure = new Measure(name, value, null, null, gate, null);
        _measures.Add(measure);
        var text = value.ToString(value is >= 100 or 0 ? "N0" : "0.000", CultureInfo.InvariantCulture);
        Say($"{name,-60} {text,14}  {measure.Verdict}{note}");
    }

    private void Say(string text) => output.WriteLine($"[{Stopwatch.GetElapsedTime(_started).TotalSeconds,5:0}] {text}");
}
