// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Configuration;
using OvirtDistributed.DataMover.Control;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Backup;

/// <summary>Write sessions, as the .proto promises them. What is durable, fenced or held is decided by the repository; this side bounds and translates.</summary>
internal sealed class BackupSessionEndpoint(
    RepositoryRoster roster,
    SessionTable sessions,
    StreamBudget budget,
    JobLedger jobs,
    Draining draining,
    DataMoverOptions options,
    MoverInstruments instruments) : BackupSessionBinding
{
    private const int MaxDigestsPerHave = 64 * 1024;
    private const int PagesPerAnswer = 1024;

    public override async Task<OpenSessionResponse> OpenSession(OpenSessionRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        var order = ToOrder(request);
        var session = await sessions.OpenAsync(() => OpenAsync(repository, store, order, request, context.CancellationToken));
        var response = new OpenSessionResponse
        {
            SessionId = session.Id,
            Parameters = WireForms.ToWire(store.Parameters),
            BaseRoot = session.Store.Base is { } root ? WireForms.ToWire(root) : null,
            DurablePages = session.Store.CompletedPages.Count,
            IdleTimeoutSeconds = (int)options.Limits.SessionIdleTimeout.TotalSeconds,
        };
        response.DamagedRanges.AddRange(session.Store.DamagedRanges.Select(WireForms.ToWire));
        response.RewriteRanges.AddRange(session.Store.RewriteRanges.Select(WireForms.ToWire));
        return response;
    }

    public override async Task ListDurablePages(
        ListDurablePagesRequest request, IServerStreamWriter<ListDurablePagesResponse> responses, ServerCallContext context)
    {
        var session = sessions.Require<OpenWriteSession>(request.SessionId);
        foreach (var pages in session.Store.CompletedPages.Chunk(PagesPerAnswer))
        {
            var answer = new ListDurablePagesResponse();
            answer.Pages.AddRange(pages.Select(page =>
                new DurablePage { PageIndex = page.PageIndex, Digest = ByteString.CopyFrom(page.Digest.ToArray()) }));
            await responses.WriteAsync(answer, context.CancellationToken);
        }
    }

    public override Task<HaveResponse> Have(HaveRequest request, ServerCallContext context)
    {
        var session = sessions.Require<OpenWriteSession>(request.SessionId);
        var count = WireForms.CountDigests(request.Digests, "digests", MaxDigestsPerHave);
        var bitmap = new byte[(count + 7) / 8];
        var held = session.Store.Have(MemoryMarshal.Cast<byte, ChunkDigest>(request.Digests.Span), bitmap);
        instruments.Asked(session.Repository.Name, count, held);
        return Task.FromResult(new HaveResponse { Held = UnsafeByteOperations.UnsafeWrap(bitmap) });
    }

    public override async Task PutFrames(
        IAsyncStreamReader<FrameMessage> requests, IServerStreamWriter<PutFramesResponse> responses, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        if (!await requests.MoveNext(context.CancellationToken))
        {
            return; // ended before it began: nothing to acknowledge
        }

        var first = requests.Current;
        try
        {
            var session = sessions.Require<OpenWriteSession>(first.SessionId);
            using var share = budget.Take(StreamBudget.WriterBytes);
            using var scope = new CallScope(session, draining, context.CancellationToken);
            var upload = new FrameUpload(session, scope, jobs, instruments);
            await upload.RunAsync(first, requests, responses);
        }
        finally
        {
            first.Release();
        }
    }

    public override async Task<RecordPagesResponse> RecordPages(RecordPagesRequest request, ServerCallContext context)
    {
        var session = sessions.Require<OpenWriteSession>(request.SessionId);
        var pages = new PageDigest[request.Pages.Count];
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = new PageDigest(request.Pages[i].PageIndex, WireForms.ToDigest(request.Pages[i].Digest, $"pages[{i}].digest"));
        }

        await session.Store.CompletePagesAsync(pages, context.CancellationToken);
        return new RecordPagesResponse { DurablePages = session.AddRecordedPages(pages) };
    }

    public override async Task<CompleteDiskResponse> CompleteDisk(CompleteDiskRequest request, ServerCallContext context)
    {
        var session = sessions.Require<OpenWriteSession>(request.SessionId);
        await session.Store.CompleteDiskAsync(WireForms.ToRoot(request.Root), context.CancellationToken);
        return new CompleteDiskResponse { StoredBytes = session.DurableBytes };
    }

    public override async Task<CloseSessionResponse> CloseSession(CloseSessionRequest request, ServerCallContext context)
    {
        if (sessions.TryFind<OpenWriteSession>(request.SessionId, out var session))
        {
            session.Doom(SessionEnd.Closed);
            await session.DisposeAsync();
        }

        return new CloseSessionResponse();
    }

    // The store ends what it finds open with this token or a lower one; here they are told why, and only if it did.
    private async Task<OpenWriteSession> OpenAsync(
        HostedRepository repository, RepositoryStore store, WriteSessionRequest order, OpenSessionRequest request, CancellationToken cancellationToken)
    {
        var doomed = sessions.DoomBelow(repository, order.TaskId, order.FencingToken + 1, SessionEnd.Fenced);
        try
        {
            var opened = await store.OpenWriteSessionAsync(order, cancellationToken);
            return new OpenWriteSession(opened, repository, request.JobId, request.DiskId, StartSpan(request));
        }
        catch
        {
            doomed.ForEach(session => session.Spare(SessionEnd.Fenced));
            throw;
        }
    }

    private static WriteSessionRequest ToOrder(OpenSessionRequest request)
    {
        var hasBase = request.BasePointId.Length > 0;
        return new WriteSessionRequest
        {
            TaskId = WireForms.Required(request.TaskId, "task_id"),
            FencingToken = request.FencingToken > 0
                ? request.FencingToken
                : throw OperatorException.Invalid("fencing_token", $"{request.FencingToken}", "give the token of the lease, 1 or more."),
            EngineBackupId = WireForms.Required(request.EngineBackupId, "engine_backup_id"),
            DiskSize = request.DiskSizeBytes,
            BasePointId = hasBase ? request.BasePointId : null,
            WantsRewrites = request.WantsRewrites,
            BaseDiskId = !hasBase ? null : request.BaseDiskId.Length > 0 ? request.BaseDiskId : WireForms.Required(request.DiskId, "disk_id"),
        };
    }

    private static System.Diagnostics.Activity? StartSpan(OpenSessionRequest request) => MoverDiagnostics.StartDetached("mover.write_session")?
        .SetTag("ovd.repository", request.Repository)
        .SetTag("ovd.job", request.JobId)
        .SetTag("ovd.task", request.TaskId)
        .SetTag("ovd.attempt", request.Attempt)
        .SetTag("ovd.disk", request.DiskId)
        .SetTag("ovd.worker", request.WorkerId);
}
