// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Counts what a transfer did and where its time went. Thread-safe; reading it disturbs nobody.</summary>
internal sealed class TransferMeter
{
    private static readonly PipelineStage[] AllStages = System.Enum.GetValues<PipelineStage>();

    private readonly TimeProvider _time;
    private readonly long[] _busy = new long[AllStages.Length];
    private readonly long[] _waiting = new long[AllStages.Length];
    private readonly int[] _width = new int[AllStages.Length];
    private long _total;
    private long _processed;
    private long _read;
    private long _zero;
    private long _deduplicated;
    private long _sent;
    private long _written;
    private long _resumed;
    private long _rewritten;

    public TransferMeter(TimeProvider time)
    {
        _time = time;
        Array.Fill(_width, 1);
    }

    /// <summary>Which URL the data comes over: direct or proxy. Empty until connected.</summary>
    public string Route { get; set; } = string.Empty;

    public void AddTotal(long bytes) => Interlocked.Add(ref _total, bytes);

    public void AddProcessed(long bytes) => Interlocked.Add(ref _processed, bytes);

    public void AddRead(long bytes) => Interlocked.Add(ref _read, bytes);

    public void AddZero(long bytes) => Interlocked.Add(ref _zero, bytes);

    public void AddDeduplicated(long bytes) => Interlocked.Add(ref _deduplicated, bytes);

    public void AddSent(long bytes) => Interlocked.Add(ref _sent, bytes);

    public void AddWritten(long bytes) => Interlocked.Add(ref _written, bytes);

    public void AddResumed(long bytes) => Interlocked.Add(ref _resumed, bytes);

    /// <summary>Unchanged bytes that are read again, to be written anew.</summary>
    public void AddRewritten(long bytes) => Interlocked.Add(ref _rewritten, bytes);

    /// <summary>How many may be busy in a stage at a time: two seconds of work in one second fill a stage of width two.</summary>
    public void SetWidth(PipelineStage stage, int width) => Volatile.Write(ref _width[(int)stage], Math.Max(1, width));

    public long Now() => _time.GetTimestamp();

    /// <summary>Books the time since <paramref name="since"/> as work and returns the present.</summary>
    public long Worked(PipelineStage stage, long since) => Book(_busy, stage, since);

    /// <summary>Books the time since <paramref name="since"/> as waiting for a neighbour and returns the present.</summary>
    public long Waited(PipelineStage stage, long since) => Book(_waiting, stage, since);

    public TransferStatistics ToStatistics()
    {
        var statistics = new TransferStatistics
        {
            TotalBytes = Interlocked.Read(ref _total),
            ProcessedBytes = Interlocked.Read(ref _processed),
            ReadBytes = Interlocked.Read(ref _read),
            ZeroBytes = Interlocked.Read(ref _zero),
            DeduplicatedBytes = Interlocked.Read(ref _deduplicated),
            SentBytes = Interlocked.Read(ref _sent),
            WrittenBytes = Interlocked.Read(ref _written),
            ResumedBytes = Interlocked.Read(ref _resumed),
            RewrittenBytes = Interlocked.Read(ref _rewritten),
            Route = Route,
            Bottleneck = Bottleneck(),
        };
        foreach (var stage in AllStages)
        {
            var busy = Interlocked.Read(ref _busy[(int)stage]);
            var waiting = Interlocked.Read(ref _waiting[(int)stage]);
            if (busy != 0 || waiting != 0)
            {
                statistics.Stages.Add(new StageTime
                {
                    Stage = Name(stage),
                    Busy = Duration.FromTimeSpan(ToTimeSpan(busy)),
                    Waiting = Duration.FromTimeSpan(ToTimeSpan(waiting)),
                });
            }
        }

        return statistics;
    }

    /// <summary>The stage that works most of what it could; empty before any has worked.</summary>
    public string Bottleneck()
    {
        var slowest = string.Empty;
        var most = 0.0;
        foreach (var stage in AllStages)
        {
            var load = Volatile.Read(ref _busy[(int)stage]) / (double)Volatile.Read(ref _width[(int)stage]);
            if (load > most)
            {
                most = load;
                slowest = Name(stage);
            }
        }

        return slowest;
    }

    private static string Name(PipelineStage stage) => stage switch
    {
        PipelineStage.Source => "source",
        PipelineStage.Cut => "cut",
        PipelineStage.Hash => "hash",
        PipelineStage.Have => "have",
        PipelineStage.Compress => "compress",
        PipelineStage.Send => "send",
        PipelineStage.Store => "store",
        _ => "target",
    };

    private long Book(long[] account, PipelineStage stage, long since)
    {
        var now = _time.GetTimestamp();
        Interlocked.Add(ref account[(int)stage], now - since);
        return now;
    }

    private TimeSpan ToTimeSpan(long ticks) => TimeSpan.FromSeconds(ticks / (double)_time.TimestampFrequency);
}
