// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Turns what became complete into map pages while the disk is still being read, and journals pages at the Data Mover once they and their
/// chunks are durable: that is where another attempt continues.
/// </summary>
internal sealed class MapKeeper : IMapSink, IDisposable
{
    /// <summary>Reader steps the map may lag behind; each is at most a segment or some thousand ranges.</summary>
    private const int MaximumLag = 64;

    private readonly UploadLanes _lanes;
    private readonly PageJournal _journal;
    private readonly Channel<bool> _bell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _lag = new(MaximumLag);
    private readonly List<PageDigest> _pages = [];
    private int _steps;

    public MapKeeper(UploadLanes lanes, BackupSession session, TransferMeter meter, TimeProvider time)
    {
        _lanes = lanes;
        _journal = new PageJournal(lanes, session, meter, time);
    }

    /// <summary>Something was added to the map.</summary>
    public void Changed() => _bell.Writer.TryWrite(true);

    /// <summary>Nothing will be added any more.</summary>
    public void Complete() => _bell.Writer.TryComplete();

    /// <summary>Called by the reader at each step: waits while the map lags too far behind.</summary>
    public async ValueTask KeepUpAsync(CancellationToken cancellationToken)
    {
        await _lag.WaitAsync(cancellationToken);
        Interlocked.Increment(ref _steps);
        Changed();
    }

    /// <summary>Makes pages until <see cref="Complete"/>.</summary>
    public async Task RunAsync(DiskMapBuilder map, CancellationToken cancellationToken)
    {
        await foreach (var _ in _bell.Reader.ReadAllAsync(cancellationToken))
        {
            var steps = Interlocked.Exchange(ref _steps, 0);
            await map.FlushAsync(cancellationToken);
            PublishPages();
            if (steps > 0)
            {
                _lag.Release(steps);
            }
        }

        _journal.Complete();
    }

    /// <summary>Journals finished pages until the map is complete.</summary>
    public Task RecordAsync(CancellationToken cancellationToken) => _journal.RecordAsync(cancellationToken);

    public ValueTask WriteFrameAsync(FrameKind kind, ChunkDigest digest, ReadOnlyMemory<byte> frame, CancellationToken cancellationToken) =>
        _lanes.SendAsync(frame, cancellationToken);

    public ValueTask PageCompletedAsync(PageDigest page, CancellationToken cancellationToken)
    {
        _pages.Add(page);
        return ValueTask.CompletedTask;
    }

    public void Dispose() => _lag.Dispose();

    // All frames of these pages and of their chunks were handed over before now: the present end of the streams covers them.
    private void PublishPages()
    {
        if (_pages.Count > 0)
        {
            _journal.Add([.. _pages]);
            _pages.Clear();
        }
    }
}
