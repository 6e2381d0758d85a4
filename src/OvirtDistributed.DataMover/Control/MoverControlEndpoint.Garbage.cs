// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.Repository.Store.Collection;

namespace OvirtDistributed.DataMover.Control;

/// <content>Garbage collection on demand.</content>
internal sealed partial class MoverControlEndpoint
{
    public override async Task CollectGarbage(
        CollectGarbageRequest request, IServerStreamWriter<CollectGarbageResponse> responses, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, draining.Token);

        // Only the newest progress matters: a slow caller must not hold up the round.
        var progress = Channel.CreateBounded<(int Done, int All)>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        var options = repository.Collection.ToGcOptions() with { DryRun = request.DryRun };
        var round = CollectAsync(store, options, progress.Writer, ends.Token);
        try
        {
            await foreach (var (done, all) in progress.Reader.ReadAllAsync(ends.Token))
            {
                await responses.WriteAsync(new CollectGarbageResponse { PacksDone = done, PacksTotal = all }, ends.Token);
            }

            await responses.WriteAsync(new CollectGarbageResponse { Report = ToWire(await round) }, ends.Token);
        }
        catch (OperationCanceledException) when (draining.Token.IsCancellationRequested)
        {
            throw Draining.Failure();
        }
        finally
        {
            await ends.CancelAsync();
            await ((Task)round).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task<GcReport> CollectAsync(
        Repository.Store.RepositoryStore store, GcOptions options, ChannelWriter<(int Done, int All)> progress, CancellationToken cancellationToken)
    {
        try
        {
            return await store.CollectAsync(options, new ChannelProgress(progress), cancellationToken);
        }
        finally
        {
            progress.Complete();
        }
    }

    private static GarbageReport ToWire(GcReport report) => new()
    {
        DryRun = report.DryRun,
        Points = report.Points,
        Packs = report.Packs,
        PackBytes = report.PackBytes,
        LiveBytes = report.LiveBytes,
        DeadPacks = report.DeadPacks,
        DeadBytes = report.DeadBytes,
        RewrittenPacks = report.RewrittenPacks,
        RewrittenPackBytes = report.RewrittenPackBytes,
        CopiedBytes = report.CopiedBytes,
        MergedPacks = report.MergedPacks,
        BusyPacks = report.BusyPacks,
        RemovedPacks = report.RemovedPacks,
        RemovedBytes = report.RemovedBytes,
        WaitingPacks = report.WaitingPacks,
        WaitingBytes = report.WaitingBytes,
        Problems = { report.Problems },
    };

    private sealed class ChannelProgress(ChannelWriter<(int Done, int All)> progress) : IProgress<(int Done, int All)>
    {
        public void Report((int Done, int All) value) => progress.TryWrite(value);
    }
}
