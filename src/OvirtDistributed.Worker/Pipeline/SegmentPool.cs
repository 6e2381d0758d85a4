// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Memory;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>The segments of one task. Their number is the pipeline's memory and its backpressure: who needs one waits until one comes back.</summary>
internal sealed class SegmentPool : IDisposable
{
    private readonly Channel<Segment> _free;
    private readonly List<Segment> _all = [];
    private readonly PageBufferPool _buffers;
    private readonly int _headRoom;
    private readonly int _count;

    public SegmentPool(PageBufferPool buffers, int count, int headRoom)
    {
        _buffers = buffers;
        _count = count;
        _headRoom = headRoom;
        _free = Channel.CreateBounded<Segment>(count);
    }

    public async ValueTask<Segment> RentAsync(CancellationToken cancellationToken)
    {
        if (_free.Reader.TryRead(out var segment))
        {
            return segment;
        }

        // Made when first needed: a small incremental never fills them all. One renter only, the planner.
        if (_all.Count < _count)
        {
            segment = new Segment(_buffers.Rent(_headRoom + Segment.ContentBytes), _headRoom);
            _all.Add(segment);
            return segment;
        }

        return await _free.Reader.ReadAsync(cancellationToken);
    }

    public void Return(Segment segment)
    {
        segment.Reset();
        _free.Writer.TryWrite(segment);
    }

    /// <summary>Gives the buffers back. Only when nobody works with a segment any more.</summary>
    public void Dispose()
    {
        foreach (var segment in _all)
        {
            _buffers.Return(segment.Owner);
        }

        _all.Clear();
    }
}
