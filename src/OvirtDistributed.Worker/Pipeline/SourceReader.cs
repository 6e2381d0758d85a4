// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Fills segments from the source in the order of the disk, with several reads in flight. Declares to the map what it is going to cover,
/// and leaves out pages that an earlier attempt completed.
/// </summary>
internal sealed class SourceReader(
    IDiskSource source, DiskMapBuilder map, SegmentPool pool, TransferControl control, PipelineOptions options, Func<CancellationToken, ValueTask> mapKeepsUp)
{
    // Ranges that need no reading fill no segment, yet they too must not run ahead of the map without bound.
    private const int RangesBetweenPauses = 1024;

    private readonly Channel<(Segment Segment, SegmentPiece Piece)> _reads = Channel.CreateUnbounded<(Segment, SegmentPiece)>();
    private readonly Channel<Segment> _segments = Channel.CreateUnbounded<Segment>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    private Segment? _open;

    /// <summary>Segments in disk order; wait for <see cref="Segment.Filled"/>. Bounded by the pool.</summary>
    public ChannelReader<Segment> Segments => _segments.Reader;

    /// <summary>Walks the plan and hands reads to the connections.</summary>
    public async Task PlanAsync(RangeSpool plan, CancellationToken cancellationToken)
    {
        var ranges = 0;
        foreach (var range in plan.Read())
        {
            if (++ranges % RangesBetweenPauses == 0)
            {
                await mapKeepsUp(cancellationToken);
            }

            cancellationToken.ThrowIfCancellationRequested();
            map.DeclaredThrough(range.Offset);
            foreach (var part in map.Remaining(new DiskRange(range.Offset, range.Length)))
            {
                map.Declare(part);
                if (range.Kind == RangeKind.Zero)
                {
                    map.AddZero(part);
                    control.Meter.AddZero(part.Length);
                }
                else
                {
                    await PlanReadsAsync(part, cancellationToken);
                }
            }
        }

        Close();
        map.DeclaredThrough(source.SizeBytes);
        _segments.Writer.Complete();
        _reads.Writer.Complete();
    }

    /// <summary>One connection: reads until nothing is left. Run as many as the source has connections.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        var meter = control.Meter;
        var since = meter.Now();
        await foreach (var (segment, piece) in _reads.Reader.ReadAllAsync(cancellationToken))
        {
            since = meter.Waited(PipelineStage.Source, since);
            await control.Rate.AcquireAsync(piece.Length, cancellationToken);
            await source.ReadAsync(piece.DiskOffset, segment.Buffer.Slice(piece.BufferOffset, piece.Length), cancellationToken);
            meter.AddRead(piece.Length);
            since = meter.Worked(PipelineStage.Source, since);
            segment.PartDone();
        }
    }

    private async Task PlanReadsAsync(DiskRange range, CancellationToken cancellationToken)
    {
        var offset = range.Offset;
        while (offset < range.End)
        {
            if (_open is null)
            {
                await mapKeepsUp(cancellationToken);
                _open = await pool.RentAsync(cancellationToken);
                _segments.Writer.TryWrite(_open);
            }

            var length = (int)Math.Min(Math.Min(options.ReadBytes, _open.Room), range.End - offset);
            var piece = _open.Add(offset, length, endsExtent: offset + length == range.End);
            _reads.Writer.TryWrite((_open, piece));
            offset += length;
            if (_open.Room < RangeAligner.BlockBytes)
            {
                Close();
            }
        }
    }

    private void Close()
    {
        _open?.PartDone();
        _open = null;
    }
}
