// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Memory;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>
/// Hashes the chunks of a segment, asks which of them the repository lacks, and compresses and sends those. Several segments are on their
/// way at a time; computing is limited by the encoders. A chunk enters the map only after its frame was handed to a connection.
/// </summary>
internal sealed class SegmentEncoder(
    BackupSession session,
    UploadLanes lanes,
    EncoderSlots encoders,
    PageBufferPool buffers,
    SegmentPool pool,
    DiskMapBuilder map,
    RecentDigests recent,
    ContentKeys keys,
    TransferMeter meter)
{
    /// <summary>Encoded frames handed over at a time. Several frames of any size fit, and two of these fill a connection's window.</summary>
    private const int OutputBytes = 2 << 20;

    /// <summary>Processes segments until the cutter is done.</summary>
    /// <param name="cut">Segments with their chunks.</param>
    /// <param name="outstanding">Segments on their way at a time.</param>
    /// <param name="segmentDone">Called when a segment's chunks are in the map.</param>
    /// <param name="cancellationToken">Ends the stage.</param>
    public Task RunAsync(ChannelReader<Segment> cut, int outstanding, Action segmentDone, CancellationToken cancellationToken)
    {
        var limits = new ParallelOptions { MaxDegreeOfParallelism = outstanding, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(cut.ReadAllAsync(cancellationToken), limits, async (segment, token) =>
        {
            await ProcessAsync(segment, token);
            pool.Return(segment);
            segmentDone();
        });
    }

    private async ValueTask ProcessAsync(Segment segment, CancellationToken cancellationToken)
    {
        await HashAsync(segment, cancellationToken);
        await AskAsync(segment, cancellationToken);
        if (segment.Missing.Count > 0)
        {
            await SendMissingAsync(segment, cancellationToken);
        }

        AddToMap(segment);
    }

    private async ValueTask HashAsync(Segment segment, CancellationToken cancellationToken)
    {
        var since = meter.Now();
        var slot = await encoders.TakeAsync(cancellationToken);
        since = meter.Waited(PipelineStage.Hash, since);
        foreach (var piece in segment.Cuts)
        {
            segment.Digests.Add(piece.IsZero
                ? ChunkDigest.Zero
                : keys.Compute(FrameKind.Chunk, segment.Buffer.Span.Slice(piece.BufferOffset, piece.Length)));
        }

        encoders.GiveBack(slot);
        meter.Worked(PipelineStage.Hash, since);
    }

    /// <summary>Fills <see cref="Segment.Missing"/> with the chunks to send; each digest once.</summary>
    private async ValueTask AskAsync(Segment segment, CancellationToken cancellationToken)
    {
        for (var i = 0; i < segment.Cuts.Count; i++)
        {
            var digest = segment.Digests[i];
            if (!segment.Cuts[i].IsZero && !recent.Contains(digest) && segment.Seen.Add(digest))
            {
                segment.Missing.Add(i);
            }
        }

        if (segment.Missing.Count == 0)
        {
            return;
        }

        var since = meter.Now();
        var held = await session.HaveAsync(segment.QuestionOf(segment.Missing), cancellationToken);
        meter.Worked(PipelineStage.Have, since);
        var kept = 0;
        for (var i = 0; i < segment.Missing.Count; i++)
        {
            var index = segment.Missing[i];
            if ((held[i >> 3] & (1 << (i & 7))) == 0)
            {
                segment.Missing[kept++] = index;
            }
            else
            {
                recent.Add(segment.Digests[index]);
            }
        }

        segment.Missing.RemoveRange(kept, segment.Missing.Count - kept);
    }

    private async ValueTask SendMissingAsync(Segment segment, CancellationToken cancellationToken)
    {
        var output = buffers.Rent(OutputBytes);
        try
        {
            var next = 0;
            while (next < segment.Missing.Count)
            {
                var since = meter.Now();
                var encoder = await encoders.TakeAsync(cancellationToken);
                since = meter.Waited(PipelineStage.Compress, since);
                var length = Encode(segment, encoder, output.Memory.Span, ref next);
                encoders.GiveBack(encoder);
                meter.Worked(PipelineStage.Compress, since);
                await lanes.SendAsync(output.Memory[..length], cancellationToken);
            }
        }
        finally
        {
            // The pool keeps it until the connections are closed.
            buffers.Return(output);
        }

        foreach (var index in segment.Missing)
        {
            recent.Add(segment.Digests[index]);
        }
    }

    private static int Encode(Segment segment, FrameEncoder encoder, Span<byte> output, ref int next)
    {
        var used = 0;
        for (; next < segment.Missing.Count; next++)
        {
            var index = segment.Missing[next];
            var piece = segment.Cuts[index];
            if (FrameEncoder.MaxEncodedLength(piece.Length) > output.Length - used)
            {
                break;
            }

            var plain = segment.Buffer.Span.Slice(piece.BufferOffset, piece.Length);
            used += encoder.Encode(FrameKind.Chunk, segment.Digests[index], plain, output[used..]);
        }

        return used;
    }

    private void AddToMap(Segment segment)
    {
        var data = 0L;
        var zero = 0L;
        for (var i = 0; i < segment.Cuts.Count; i++)
        {
            var piece = segment.Cuts[i];
            var range = new DiskRange(piece.DiskOffset, piece.Length);
            if (piece.IsZero)
            {
                zero += piece.Length;
                map.AddZero(range);
            }
            else
            {
                data += piece.Length;
                map.AddData(range, segment.Digests[i], chunkOffset: 0);
            }
        }

        foreach (var index in segment.Missing)
        {
            data -= segment.Cuts[index].Length;
            meter.AddProcessed(segment.Cuts[index].Length);
        }

        meter.AddDeduplicated(data);
        meter.AddZero(zero);
        meter.AddProcessed(data + zero);
    }
}
