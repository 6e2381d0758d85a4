// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Control;

/// <content>Verification of points, and what is known of their damage.</content>
internal sealed partial class MoverControlEndpoint
{
    // Often enough for somebody who looks on.
    private static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(1);

    // A disk of the storage that is lost may take millions with it: their list would not fit into an answer, and nobody reads it.
    private const int MostListed = 10_000;

    public override async Task<VerifyPointResponse> VerifyPoint(VerifyPointRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, draining.Token);
        try
        {
            return await VerifyAsync(request.Repository, request.PointId, progress: null, ends.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw Draining.Failure();
        }
    }

    public override async Task WatchVerifyPoint(WatchVerifyPointRequest request, IServerStreamWriter<WatchVerifyPointResponse> responses, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, draining.Token);
        var meter = new CheckedBytes();
        var verification = Task.Run(() => VerifyAsync(request.Repository, request.PointId, meter, ends.Token), CancellationToken.None); // local files are read without ever waiting
        try
        {
            while (await Task.WhenAny(verification, Task.Delay(ProgressInterval, timeProvider, ends.Token)) != verification)
            {
                await responses.WriteAsync(new WatchVerifyPointResponse { CheckedBytes = meter.Value }, ends.Token);
            }

            var result = await verification;
            await responses.WriteAsync(new WatchVerifyPointResponse { CheckedBytes = result.CheckedBytes, Result = result }, ends.Token);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw Draining.Failure();
        }
        finally
        {
            await ends.CancelAsync();
            await ((Task)verification).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<VerifyPointResponse> VerifyAsync(string repository, string pointId, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var store = roster.Require(repository).RequireStore();
        WireForms.Required(pointId, "point_id");
        var report = await store.VerifyAsync(pointId, progress, cancellationToken);
        var response = new VerifyPointResponse
        {
            Healthy = report.Damages.Count == 0,
            CheckedObjects = report.Frames,
            CheckedBytes = report.PlainBytes,
            DamagedObjects = report.Damages.Count,
        };
        response.Damaged.AddRange(report.Damages.Take(MostListed).Select(damage => new DamagedObject
        {
            Object = damage.Digest.ToString(),
            Problem = damage.Offset < 0 ? damage.Reason : $"{damage.Reason} ({damage.Object} at {damage.Offset})",
        }));
        if (!response.Healthy)
        {
            response.Disks.AddRange(await FindDamagedDisksAsync(store, pointId, cancellationToken));
        }

        return response;
    }

    public override async Task<FindKnownDamageResponse> FindKnownDamage(FindKnownDamageRequest request, ServerCallContext context)
    {
        var store = roster.Require(request.Repository).RequireStore();
        WireForms.Required(request.PointId, "point_id");
        return new FindKnownDamageResponse { Disks = { await FindDamagedDisksAsync(store, request.PointId, context.CancellationToken) } };
    }

    private static async Task<List<DamagedDisk>> FindDamagedDisksAsync(RepositoryStore store, string pointId, CancellationToken cancellationToken)
    {
        var disks = new List<DamagedDisk>();
        foreach (var disk in (await store.ReadManifestAsync(pointId, cancellationToken)).Disks)
        {
            var ranges = await store.FindDamagedRangesAsync(pointId, disk.DiskId, cancellationToken);
            if (ranges.Count > 0)
            {
                var damaged = new DamagedDisk { DiskId = disk.DiskId };
                damaged.Ranges.AddRange(ranges.Select(WireForms.ToWire));
                disks.Add(damaged);
            }
        }

        return disks;
    }

    private sealed class CheckedBytes : IProgress<long>
    {
        private long _value;

        public long Value => Volatile.Read(ref _value);

        public void Report(long value) => Volatile.Write(ref _value, value);
    }
}
