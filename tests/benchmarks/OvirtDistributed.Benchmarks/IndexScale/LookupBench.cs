// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>Looks digests up in random order, one at a time or as "have" asks for them.</summary>
internal sealed class LookupBench(DigestIndex index, SyntheticPacks packs)
{
    /// <summary>A segment of 4 MiB in chunks of 128 KiB: what a worker asks for at once.</summary>
    public const int Batch = 32;

    // Drawn before the clock starts: making them is no part of a look-up.
    private const int Drawn = 1 << 20;

    private readonly ChunkDigest[][] _digests = [new ChunkDigest[Drawn], new ChunkDigest[Drawn]];

    public LookupFigures Measure(bool present, int batch, int threads, TimeSpan duration)
    {
        var results = new LookupFigures[threads];
        var cpu = TimeSpan.Zero;
        using var ready = new Barrier(threads, _ => cpu = Environment.CpuUsage.TotalTime);
        var all = Enumerable.Range(0, threads).Select(thread => new Thread(() => results[thread] = Run(present, batch, thread, duration, ready))).ToList();
        all.ForEach(thread => thread.Start());
        all.ForEach(thread => thread.Join());
        return new LookupFigures(
            results.Sum(result => result.PerSecond), results.Sum(result => result.Lookups), results.Sum(result => result.AllocatedBytes), Environment.CpuUsage.TotalTime - cpu);
    }

    private LookupFigures Run(bool present, int batch, int seed, TimeSpan duration, Barrier ready)
    {
        var random = new Random(HashCode.Combine(seed, present, batch));
        var digests = _digests[seed];
        for (var i = 0; i < digests.Length; i++)
        {
            digests[i] = packs.Pick(random, present);
        }

        var found = new IndexEntry[batch];
        ready.SignalAndWait();
        var (lookups, hits, next) = (0L, 0L, 0);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
        {
            hits += batch == 1 && index.TryFind(digests[next], out _) ? 1 : 0;
            hits += batch > 1 ? index.Find(digests.AsSpan(next, batch), found) : 0;
            next = (next + batch) & (Drawn - 1);
            lookups += batch;
        }

        var took = Stopwatch.GetElapsedTime(began);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        if (hits != (present ? lookups : 0))
        {
            throw new InvalidOperationException($"{hits} of {lookups} digests were found; all should be: {present}.");
        }

        return new LookupFigures(lookups / took.TotalSeconds, lookups, allocated, TimeSpan.Zero);
    }
}

/// <summary>Of all threads together. CPU time says more than the clock where others work on the machine.</summary>
internal sealed record LookupFigures(double PerSecond, long Lookups, long AllocatedBytes, TimeSpan Cpu);
