// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Store;
using StoredRepair = OvirtDistributed.Repository.Store.FrameRepair;
using WireRepair = OvirtDistributed.Contracts.Mover.V1.FrameRepair;

namespace OvirtDistributed.DataMover.Restore;

/// <summary>Read sessions, as the .proto promises them.</summary>
internal sealed class ReadSessionEndpoint(
    RepositoryRoster roster,
    SessionTable sessions,
    StreamBudget budget,
    Draining draining,
    DataMoverOptions options,
    MoverInstruments instruments) : ReadSessionBinding
{
    public override async Task<OpenReadResponse> OpenRead(OpenReadRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        WireForms.Required(request.PointId, "point_id");
        var session = await sessions.OpenAsync(async () =>
        {
            var opened = await store.OpenReadSessionAsync(request.PointId, context.CancellationToken);
            return new OpenReadSession(opened, repository, request, StartSpan(request));
        });

        await ClaimAsync(session, request, context.CancellationToken);
        var disk = session.Store.Manifest.Disks.FirstOrDefault(disk => disk.DiskId == request.DiskId);
        if (disk is null)
        {
            session.Doom(SessionEnd.Closed);
            await session.DisposeAsync();
            throw new OperatorException(
                FailureKind.NotFound,
                $"disk_id '{request.DiskId}' is not in restore point {request.PointId}: it has {string.Join(", ", session.Store.Manifest.Disks.Select(each => each.DiskId))}.");
        }

        return new OpenReadResponse
        {
            ReadSessionId = session.Id,
            Parameters = WireForms.ToWire(store.Parameters),
            Root = WireForms.ToWire(disk.Root),
            IdleTimeoutSeconds = (int)options.Limits.SessionIdleTimeout.TotalSeconds,
        };
    }

    public override async Task ReadFrames(
        IAsyncStreamReader<ReadFramesRequest> requests, IServerStreamWriter<FrameMessage> responses, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        if (!await requests.MoveNext(context.CancellationToken))
        {
            return;
        }

        var session = sessions.Require<OpenReadSession>(requests.Current.ReadSessionId);
        using var share = budget.Take(StreamBudget.ReaderBytes);
        using var scope = new CallScope(session, draining, context.CancellationToken);
        var download = new FrameDownload(session, scope, session.Repository.RequireStore().Parameters.Chunker.MaximumSize, instruments);
        await download.RunAsync(requests, responses);
    }

    public override async Task<ReportBadContentResponse> ReportBadContent(ReportBadContentRequest request, ServerCallContext context)
    {
        var session = sessions.Require<OpenReadSession>(request.ReadSessionId);
        WireForms.CountDigests(request.Digests, "digests", RepositoryStore.MostReportsPerSession);
        var chunks = MemoryMarshal.Cast<byte, ChunkDigest>(request.Digests.Span).ToArray();
        var noted = await session.Repository.RequireStore().ReportBadContentAsync(
            session.Store, session.DiskId, request.PageIndex, chunks, context.CancellationToken);
        return new ReportBadContentResponse { Noted = noted };
    }

    public override async Task<CloseReadResponse> CloseRead(CloseReadRequest request, ServerCallContext context)
    {
        if (sessions.TryFind<OpenReadSession>(request.ReadSessionId, out var session))
        {
            session.Doom(SessionEnd.Closed);
            await session.DisposeAsync();
        }

        return new CloseReadResponse();
    }

    public override Task<DescribeFramesResponse> DescribeFrames(DescribeFramesRequest request, ServerCallContext context)
    {
        var session = sessions.Require<OpenReadSession>(request.ReadSessionId);
        var store = session.Repository.RequireStore();
        _ = WireForms.CountDigests(request.Digests, "digests", FrameDownloadStream.MaxDigestsPerRequest);
        var response = new DescribeFramesResponse();
        foreach (var digest in MemoryMarshal.Cast<byte, ChunkDigest>(request.Digests.Span))
        {
            response.PlainLengths.Add(store.RememberedLength(digest));
        }

        return Task.FromResult(response);
    }

    public override async Task<RepairFramesResponse> RepairFrames(RepairFramesRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var session = sessions.Require<OpenReadSession>(request.ReadSessionId);
        if (session.TaskId.Length == 0)
        {
            throw new OperatorException(FailureKind.WrongState, "Only a task of the backup server repairs: this session was opened without one.");
        }

        var frames = request.Frames.Select(frame => frame.Memory).ToList();
        var repairs = await session.Repository.RequireStore().RepairAsync(frames, request.ContentIsWrong, session.Store, context.CancellationToken);
        return new RepairFramesResponse
        {
            Repairs =
            {
                repairs.Select(repair => repair == StoredRepair.Stored ? WireRepair.Stored : WireRepair.WasWhole),
            },
        };
    }

    // After the session is in the table: a fence that comes at the same moment finds it there, or is found by the claim.
    private static async Task ClaimAsync(OpenReadSession session, OpenReadRequest request, CancellationToken cancellationToken)
    {
        if (request.TaskId.Length == 0)
        {
            return;
        }

        try
        {
            await session.Repository.RequireStore().ClaimAsync(request.TaskId, request.FencingToken, cancellationToken);
        }
        catch (Exception failure)
        {
            session.Doom(failure is RepositoryException { Error: RepositoryError.Fenced } ? SessionEnd.Fenced : SessionEnd.Closed);
            await session.DisposeAsync();
            throw;
        }
    }

    private static System.Diagnostics.Activity? StartSpan(OpenReadRequest request) => MoverDiagnostics.StartDetached("mover.read_session")?
        .SetTag("ovd.repository", request.Repository)
        .SetTag("ovd.point", request.PointId)
        .SetTag("ovd.disk", request.DiskId)
        .SetTag("ovd.task", request.TaskId);
}
