// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Cli.Restore;

/// <summary>Frames from a Data Mover, over a few streams. A lost connection or session is renewed here and nowhere else.</summary>
internal sealed class MoverFrameSource : IFrameSource, IAsyncDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly MoverReadSession _session;
    private readonly TimeSpan _reconnectLimit;
    private readonly ConcurrentStack<Lane> _free = new();
    private readonly SemaphoreSlim _lanes;

    /// <param name="session">Where.</param>
    /// <param name="reconnectLimit">A Data Mover that stays away longer is a reason to give up.</param>
    public MoverFrameSource(MoverReadSession session, TimeSpan reconnectLimit)
    {
        _reconnectLimit = reconnectLimit;
        _session = session;
        _lanes = new SemaphoreSlim(session.StreamCount, session.StreamCount);
        for (var index = session.StreamCount - 1; index >= 0; index--)
        {
            _free.Push(new Lane(index));
        }
    }

    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        await _lanes.WaitAsync(cancellationToken);
        _free.TryPop(out var lane);
        try
        {
            return await FetchAsync(lane!, digests, cancellationToken);
        }
        finally
        {
            _free.Push(lane!);
            _lanes.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var lane in _free)
        {
            await lane.CloseAsync();
        }

        _lanes.Dispose();
    }

    private async Task<FrameBatch> FetchAsync(Lane lane, ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var started = _session.Time.GetTimestamp();
        var pause = TimeSpan.FromMilliseconds(200);
        while (true)
        {
            var id = _session.Id;
            try
            {
                return await TryFetchAsync(lane, id, digests, cancellationToken);
            }
            catch (Exception failure) when (
                MoverReadSession.IsLoss(failure)
                && !cancellationToken.IsCancellationRequested
                && _session.Time.GetElapsedTime(started) + pause < _reconnectLimit)
            {
                await lane.CloseAsync();
            }

            await Task.Delay(pause, _session.Time, cancellationToken);
            pause = pause * 2 > LongestPause ? LongestPause : pause * 2;
            try
            {
                await _session.RenewAsync(id, cancellationToken);
            }
            catch (Exception failure) when (MoverReadSession.IsLoss(failure) && !cancellationToken.IsCancellationRequested)
            {
                // Still away: the next attempt on the old session fails too, and comes back here until the limit.
            }
        }
    }

    private async Task<FrameBatch> TryFetchAsync(Lane lane, string id, ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        var batch = new FrameBatch(digests.Length);
        try
        {
            // The stream outlives the fetch: the token of one fetch must not end it, so that token only ends waiting for it.
            var stream = lane.StreamFor(_session, id);
            await stream.RequestAsync(Pack(digests.Span), cancellationToken);
            for (var i = 0; i < digests.Length; i++)
            {
                await stream.ReadExactlyAsync(lane.Header, cancellationToken);
                var header = FrameHeader.Read(lane.Header.Span);
                if (header.StoredLength is < 0 or > FrameHeader.MaxStoredLength)
                {
                    throw new RepositoryException(RepositoryError.Damaged, $"frame {header.Digest}: {header.StoredLength} bytes of payload announced");
                }

                var frame = batch.Allocate(header.FrameLength);
                lane.Header.CopyTo(frame);
                await stream.ReadExactlyAsync(frame[FrameHeader.Size..], cancellationToken);
                batch[i] = frame;
            }

            return batch;
        }
        catch
        {
            // What is left on the stream belongs to this batch: nobody else can use it.
            batch.Dispose();
            await lane.CloseAsync();
            throw;
        }
    }

    private static byte[] Pack(ReadOnlySpan<ChunkDigest> digests)
    {
        var bytes = new byte[digests.Length * ChunkDigest.Size];
        for (var i = 0; i < digests.Length; i++)
        {
            digests[i].CopyTo(bytes.AsSpan(i * ChunkDigest.Size));
        }

        return bytes;
    }

    /// <summary>One connection and the stream that is open on it, if any.</summary>
    private sealed class Lane(int index)
    {
        private FrameDownloadStream? _stream;
        private string _sessionId = "";

        public Memory<byte> Header { get; } = new byte[FrameHeader.Size];

        public FrameDownloadStream StreamFor(MoverReadSession session, string id)
        {
            if (_stream is null || _sessionId != id)
            {
                _stream = session.OpenStream(index, CancellationToken.None);
                _sessionId = id;
            }

            return _stream;
        }

        public async ValueTask CloseAsync()
        {
            if (_stream is not null)
            {
                await _stream.DisposeAsync();
                _stream = null;
            }
        }
    }
}
