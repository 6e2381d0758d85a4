// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Finds the chunks of the segments, in disk order, on one thread. What an extent leaves at the end of a segment is copied into the head
/// room of the next one, so a chunk never depends on where a buffer ended.
/// </summary>
internal sealed class SegmentCutter
{
    private readonly PageChunker _chunker;
    private readonly TransferMeter _meter;
    private readonly byte[] _tail;
    private int _tailLength;
    private long _tailOffset;

    public SegmentCutter(ChunkerParameters parameters, TransferMeter meter)
    {
        _chunker = new PageChunker(parameters);
        _meter = meter;
        _tail = new byte[HeadRoom(parameters)];
    }

    /// <summary>The most an unfinished extent can leave over: a whole chunk and a partial block.</summary>
    public static int HeadRoom(ChunkerParameters parameters) => parameters.MaximumSize + parameters.PageSize;

    /// <summary>Cuts all segments and passes them on.</summary>
    public async Task RunAsync(ChannelReader<Segment> segments, ChannelWriter<Segment> cut, CancellationToken cancellationToken)
    {
        var since = _meter.Now();
        await foreach (var segment in segments.ReadAllAsync(cancellationToken))
        {
            await segment.Filled.WaitAsync(cancellationToken);
            since = _meter.Waited(PipelineStage.Cut, since);
            Cut(segment);
            since = _meter.Worked(PipelineStage.Cut, since);
            await cut.WriteAsync(segment, cancellationToken);
        }

        cut.Complete();
    }

    private void Cut(Segment segment)
    {
        var pieces = segment.Pieces;
        var next = 0;
        while (next < pieces.Count)
        {
            // Pieces of one extent lie behind one another in the buffer, so they form one window.
            var first = pieces[next];
            while (!pieces[next].EndsExtent && next + 1 < pieces.Count)
            {
                next++;
            }

            var last = pieces[next++];
            CutWindow(segment, first.DiskOffset, first.BufferOffset, last.BufferOffset + last.Length, last.EndsExtent);
        }
    }

    private void CutWindow(Segment segment, long diskOffset, int start, int end, bool endsExtent)
    {
        if (_tailLength > 0)
        {
            if (diskOffset != _tailOffset + _tailLength || start != segment.HeadRoom)
            {
                throw new InvalidOperationException($"Position {diskOffset} does not continue the open extent at {_tailOffset + _tailLength}.");
            }

            start -= _tailLength;
            diskOffset = _tailOffset;
            _tail.AsSpan(0, _tailLength).CopyTo(segment.Buffer.Span[start..]);
            _tailLength = 0;
        }

        while (_chunker.TryNext(segment.Buffer.Span[start..end], endsExtent, out var piece))
        {
            segment.Cuts.Add(new CutPiece(diskOffset, start, piece.Length, piece.IsZero));
            start += piece.Length;
            diskOffset += piece.Length;
        }

        if (!endsExtent)
        {
            _tailOffset = diskOffset;
            _tailLength = end - start;
            segment.Buffer.Span.Slice(start, _tailLength).CopyTo(_tail);
        }
    }
}
