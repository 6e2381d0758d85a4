// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using System.Threading.Channels;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Benchmarks.IndexScale;

/// <summary>Fills an index as the store does: frames are entered flush by flush, full tables are written by who flushes, merges run beside.</summary>
internal sealed class InsertBench(DigestIndex index, SyntheticPacks packs, PackTable table, IndexOptions options)
{
    // A flush every 32 MiB: four to a pack.
    private const int FlushesPerPack = 4;

    private readonly Channel<bool> _mergeWanted = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly List<PackFrame> _frames = [];
    private readonly List<IndexEntry> _entries = [];
    private long _sinceCommit;

    /// <summary>Time until the last digest was in a run; merges may go on.</summary>
    public TimeSpan Inserting { get; private set; }

    /// <summary>Time until the merges had nothing more to do.</summary>
    public TimeSpan Settled { get; private set; }

    public TimeSpan Cpu { get; private set; }

    /// <summary>The longest that a flush or commit waited for the index.</summary>
    public TimeSpan LongestWait { get; private set; }

    public int MostRuns { get; private set; }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        var cpu = Environment.CpuUsage.TotalTime;
        index.OnRunWritten = () => _mergeWanted.Writer.TryWrite(true);
        var merging = Task.Run(() => MergeAsync(cancellationToken), cancellationToken);
        for (var pack = 1u; pack <= packs.Count; pack++)
        {
            await EnterAsync(pack, cancellationToken);
        }

        await WaitAsync(index.WriteTableAsync(cancellationToken));
        Inserting = Stopwatch.GetElapsedTime(started);
        _mergeWanted.Writer.Complete();
        await merging;
        Settled = Stopwatch.GetElapsedTime(started);
        Cpu = Environment.CpuUsage.TotalTime - cpu;
    }

    private async Task EnterAsync(uint pack, CancellationToken cancellationToken)
    {
        packs.FramesOf(pack, _frames);
        table.Set(pack, SyntheticPacks.LengthOf(_frames));
        var from = (uint)PackFormat.HeaderLength;
        for (var flush = 0; flush < FlushesPerPack; flush++)
        {
            var (first, end) = (_frames.Count * flush / FlushesPerPack, _frames.Count * (flush + 1) / FlushesPerPack);
            if (first == end)
            {
                continue;
            }

            _entries.Clear();
            for (var i = first; i < end; i++)
            {
                _entries.Add(SyntheticPacks.EntryOf(pack, _frames[i]));
            }

            var to = (uint)_frames[end - 1].End;
            index.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_entries), new PackCoverage(pack, from, to));
            from = to;
            await WriteAsync(end - first, cancellationToken);
        }

        index.Add([], new PackCoverage(pack, from, (uint)SyntheticPacks.LengthOf(_frames)));
    }

    private async Task WriteAsync(int entered, CancellationToken cancellationToken)
    {
        _sinceCommit += entered;
        if (options.CommitEvery > 0 && _sinceCommit >= options.CommitEvery)
        {
            _sinceCommit = 0;
            await WaitAsync(index.WriteTableAsync(cancellationToken));
        }
        else
        {
            await WaitAsync(index.WriteTableIfFullAsync(cancellationToken));
        }

        MostRuns = Math.Max(MostRuns, index.RunCount);
    }

    private async Task WaitAsync(Task task)
    {
        var began = Stopwatch.GetTimestamp();
        await task;
        var took = Stopwatch.GetElapsedTime(began);
        LongestWait = took > LongestWait ? took : LongestWait;
    }

    private async Task MergeAsync(CancellationToken cancellationToken)
    {
        await foreach (var _ in _mergeWanted.Reader.ReadAllAsync(cancellationToken))
        {
            await index.MergeAsync(cancellationToken);
        }
    }
}
