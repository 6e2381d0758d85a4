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
/// One disk from its source into a session at the Data Mover: read → cut → hash, ask, compress → send, and the map beside it.
/// Memory is the segments of the pool and some buffers, at any size of the disk.
/// </summary>
internal sealed class BackupPipeline
{
    private readonly PipelineOptions _options;
    private readonly TimeProvider _time;

    public BackupPipeline(PipelineOptions options, TimeProvider time)
    {
        _options = options;
        _time = time;
    }

    /// <summary>Moves the disk; on return all of it is durable at the Data Mover, and the root names it.</summary>
    public async Task<DiskRoot> RunAsync(BackupWork work, CancellationToken cancellationToken)
    {
        var meter = work.Control.Meter;
        using var encoders = new EncoderSlots(_options.EffectiveEncoders, work.Compression, work.Keys);
        using var mapEncoder = new FrameEncoder(work.Compression, work.Keys);
        using var buffers = new PageBufferPool();
        using var pool = new SegmentPool(buffers, _options.EffectiveSegments, SegmentCutter.HeadRoom(work.Chunker));
        using var recent = new RecentDigests(_options.RecentDigests);
        using var group = new StageGroup(cancellationToken);
        await using var lanes = new UploadLanes(work.Uploads, work.Session.Id, meter, group.Token);
        using var keeper = new MapKeeper(lanes, work.Session, meter, _time);
        var map = await DiskMapBuilder.CreateAsync(work.MapPlan, work.Base, work.Keys, mapEncoder, keeper, cancellationToken);
        CountTotals(work, map, cancellationToken);
        SetWidths(meter, work.Source.Connections);

        var reader = new SourceReader(work.Source, map, pool, work.Control, _options, keeper.KeepUpAsync);
        var cut = Channel.CreateBounded<Segment>(_options.EffectiveSegments);
        var encoder = new SegmentEncoder(work.Session, lanes, encoders, buffers, pool, map, recent, work.Keys, meter);
        group.Run(token => reader.PlanAsync(work.Plan, token));
        for (var i = 0; i < work.Source.Connections; i++)
        {
            group.Run(reader.ReadAsync);
        }

        group.Run(token => new SegmentCutter(work.Chunker, meter).RunAsync(reader.Segments, cut.Writer, token));
        group.Run(async token =>
        {
            await encoder.RunAsync(cut.Reader, _options.EffectiveSegments, keeper.Changed, token);
            keeper.Complete();
        });
        group.Run(token => keeper.RunAsync(map, token));
        group.Run(keeper.RecordAsync);
        await group.WhenAllAsync(cancellationToken);

        var root = await map.FinishAsync(cancellationToken);
        await lanes.CompleteAsync(cancellationToken);
        return root;
    }

    private static void CountTotals(BackupWork work, DiskMapBuilder map, CancellationToken cancellationToken)
    {
        var left = 0L;
        foreach (var range in work.Plan.Read())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (range.Kind == RangeKind.Read)
            {
                foreach (var part in map.Remaining(new DiskRange(range.Offset, range.Length)))
                {
                    left += part.Length;
                }
            }
        }

        if (work.MapPlan.Base is null)
        {
            // Of a full backup the plan names only what is read: all the rest reads as zero.
            work.Control.Meter.AddZero(work.MapPlan.DiskSize - work.Plan.ReadBytes);
        }

        work.Control.Meter.AddTotal(left);
        work.Control.Meter.AddResumed(work.Plan.ReadBytes - left);
    }

    private void SetWidths(TransferMeter meter, int connections)
    {
        meter.SetWidth(PipelineStage.Source, connections);
        meter.SetWidth(PipelineStage.Hash, _options.EffectiveEncoders);
        meter.SetWidth(PipelineStage.Compress, _options.EffectiveEncoders);
        meter.SetWidth(PipelineStage.Have, _options.EffectiveSegments);
        meter.SetWidth(PipelineStage.Send, _options.MoverConnections);
    }
}
