// SPDX-License-Identifier: Apache-2.0

using System.Collections.Concurrent;
using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Rescue;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using WireParameters = OvirtDistributed.Contracts.Mover.V1.RepositoryParameters;

namespace OvirtDistributed.Worker.Transports.Points;

/// <summary>
/// Copies a disk between replicas: its map pages, and the frames they name that the target lacks, as they are stored. Nothing is cut, compressed or encrypted
/// again, so the copy has the root of the original. Every frame is proven on the way.
/// </summary>
internal sealed class FrameCopy(PointSource source, CopyDiskOrder order, PipelineOptions options, TimeProvider time)
{
    // Bounds what one fetch holds: 32 chunks of the largest size are 16 MiB, of the average one 4 MiB.
    private const int FramesPerFetch = 32;

    private readonly ConcurrentBag<FrameDecoder> _decoders = [];

    /// <summary>Whether the target takes frames of the source.</summary>
    public bool Fits(WireParameters target) => ReplicaRule.AreReplicas(source.Parameters, target);

    /// <summary>Moves what the target lacks; on return all of it is durable there.</summary>
    /// <returns>The root, which is the original's.</returns>
    public async Task<DiskRoot> RunAsync(BackupSession session, IReadOnlyList<CallInvoker> uploads, TransferControl control, CancellationToken cancellationToken)
    {
        try
        {
            using var recent = new RecentDigests(options.RecentDigests);
            using var group = new StageGroup(cancellationToken);
            await using var lanes = new UploadLanes(uploads, session.Id, control.Meter, group.Token);
            var map = await source.LoadMapAsync(cancellationToken);
            var pages = await ChooseAsync(map, session, control.Meter, cancellationToken);
            var journal = new PageJournal(lanes, session, control.Meter, time);
            var move = new FrameMove(source, session, lanes, control, recent, this, options.VerifyReplicaContent);
            group.Run(journal.RecordAsync);
            group.Run(async token =>
            {
                var limits = new ParallelOptions { MaxDegreeOfParallelism = options.EffectiveEncoders + 1, CancellationToken = token };
                await Parallel.ForEachAsync(pages, limits, async (page, stop) =>
                {
                    await MovePageAsync(map, page, move, control.Meter, stop);
                    journal.Add([new PageDigest(page, map.Pages[page])]);
                });
                await move.RunAsync(FrameKind.MapNode, [.. map.Nodes], token);
                journal.Complete();
            });
            await group.WhenAllAsync(cancellationToken);
            await lanes.CompleteAsync(cancellationToken);
            return map.Root;
        }
        finally
        {
            foreach (var decoder in _decoders)
            {
                decoder.Dispose();
            }
        }
    }

    /// <summary>A decoder for one thread, given back afterwards.</summary>
    public FrameDecoder TakeDecoder() => _decoders.TryTake(out var decoder) ? decoder : new FrameDecoder(source.Keys);

    public void GiveBack(FrameDecoder decoder) => _decoders.Add(decoder);

    /// <summary>Frames a fetch holds at most.</summary>
    public static int BatchOf(int left) => Math.Min(left, FramesPerFetch);

    /// <summary>The pages to look into: not those an earlier attempt completed, nor those that the base has at the same place.</summary>
    private async Task<List<int>> ChooseAsync(DiskMapFrames map, BackupSession session, TransferMeter meter, CancellationToken cancellationToken)
    {
        var completed = (await session.ListDurablePagesAsync(cancellationToken)).ToDictionary(page => page.PageIndex, page => page.Digest);
        var before = await LoadBaseAsync(session.Opened, cancellationToken);
        var pages = new List<int>();
        for (var page = 0; page < map.Pages.Count; page++)
        {
            var length = MapGeometry.PageLength(page, map.Root.DiskSize);
            if (map.Pages[page].IsZero)
            {
                meter.AddZero(length);
            }
            else if (completed.TryGetValue(page, out var digest) && digest == map.Pages[page])
            {
                meter.AddResumed(length);
            }
            else if (before is null || !map.Shares(page, before) || IsDamaged(session.Opened, page))
            {
                meter.AddTotal(length);
                pages.Add(page);
            }
        }

        return pages;
    }

    /// <summary>The map of the earlier point; null when what the target has of it is not the same map.</summary>
    private async Task<DiskMapFrames?> LoadBaseAsync(OpenSessionResponse target, CancellationToken cancellationToken)
    {
        if (!order.Target.Incremental || order.SourceBaseRoot is not { } root || target.BaseRoot is not { } held || held.Digest != root.Digest)
        {
            return null;
        }

        try
        {
            return await source.LoadBaseMapAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is RpcException or RepositoryException && !cancellationToken.IsCancellationRequested)
        {
            return null; // removed or damaged meanwhile: the target is asked for every page
        }
    }

    private List<MapEntry> ReadPage(DiskMapFrames map, int page, ReadOnlySpan<byte> frame)
    {
        var decoder = TakeDecoder();
        try
        {
            return map.ReadPage(page, frame, decoder);
        }
        finally
        {
            GiveBack(decoder);
        }
    }

    private static bool IsDamaged(OpenSessionResponse target, int page)
    {
        var start = (long)page * MapGeometry.PageBytes;
        return target.DamagedRanges.Any(range => range.OffsetBytes < start + MapGeometry.PageBytes && start < range.OffsetBytes + range.LengthBytes);
    }

    private async Task MovePageAsync(DiskMapFrames map, int page, FrameMove move, TransferMeter meter, CancellationToken cancellationToken)
    {
        using var frames = await source.FetchAsync(new[] { map.Pages[page] }, cancellationToken);
        var entries = ReadPage(map, page, frames[0].Span);
        var chunks = new Dictionary<ChunkDigest, long>();
        foreach (var entry in entries.Where(entry => !entry.IsZero))
        {
            chunks[entry.Digest] = chunks.GetValueOrDefault(entry.Digest) + entry.Length;
        }

        var moved = await move.RunAsync(FrameKind.Chunk, [.. chunks.Keys], cancellationToken);
        meter.AddDeduplicated(chunks.Where(chunk => !moved.Contains(chunk.Key)).Sum(chunk => chunk.Value));
        meter.AddZero(entries.Where(entry => entry.IsZero).Sum(entry => (long)entry.Length));

        // After its chunks: what names them must not be there without them.
        await move.RunAsync(FrameKind.MapPage, [map.Pages[page]], cancellationToken);
        meter.AddProcessed(MapGeometry.PageLength(page, map.Root.DiskSize));
    }
}
