// SPDX-License-Identifier: Apache-2.0

using System.Diagnostics;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Repositories;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Telemetry;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;
using RepositoryParameters = OvirtDistributed.Repository.RepositoryParameters;

namespace OvirtDistributed.DataMover.Control;

/// <summary>The backup server's side, as the .proto promises it.</summary>
internal sealed partial class MoverControlEndpoint(
    RepositoryRoster roster,
    SessionTable sessions,
    JobLedger jobs,
    Draining draining,
    MoverInstruments instruments,
    TimeProvider timeProvider,
    ILogger<MoverControlEndpoint> logger) : MoverControlService.MoverControlServiceBase
{
    public override async Task<GetStatusResponse> GetStatus(GetStatusRequest request, ServerCallContext context)
    {
        var response = new GetStatusResponse { Version = ServiceDefaults.Version };
        foreach (var repository in roster.All)
        {
            var status = StatusOf(repository);
            status.KeySlots = repository.Store is { Keys.IsEncrypted: true } store ? (await store.ListKeySlotsAsync(context.CancellationToken)).Count : 0;
            response.Repositories.Add(status);
        }

        return response;
    }

    public override async Task<CreateRepositoryResponse> CreateRepository(CreateRepositoryRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Name);
        var chunker = ChunkerParameters.CreateRandom();
        if (request.ReplicaOf is { } original)
        {
            chunker = WireForms.ToChunker(original);
        }
        else if (request.ChunkAverageBytes != 0)
        {
            chunker = Sized(chunker, request.ChunkAverageBytes);
        }
        else if (repository.Store is { } existing)
        {
            chunker = existing.Parameters.Chunker; // "as it is" agrees with whatever is there
        }

        var parameters = new RepositoryParameters
        {
            RepositoryId = Guid.NewGuid(),
            Chunker = chunker,
            Encryption = WireForms.ToEncryption(request.Encryption),
        };
        var created = await repository.CreateAsync(parameters, isReplica: request.ReplicaOf is not null, context.CancellationToken);
        return new CreateRepositoryResponse { Created = created, Parameters = WireForms.ToWire(repository.RequireStore().Parameters) };
    }

    public override async Task<FenceResponse> Fence(FenceRequest request, ServerCallContext context)
    {
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        WireForms.Required(request.TaskId, "task_id");
        if (request.FencingToken < 1)
        {
            throw OperatorException.Invalid("fencing_token", $"{request.FencingToken}", "give the lowest token that is still accepted, 1 or more.");
        }

        // Not the caller's token: a fence that was begun is finished, whether or not the server still listens.
        var doomed = sessions.DoomBelow(repository, request.TaskId, request.FencingToken, SessionEnd.Fenced);
        await store.FenceAsync(request.TaskId, request.FencingToken, CancellationToken.None);
        var readers = await EndReadersAsync(repository, request.TaskId, request.FencingToken, SessionEnd.Fenced);
        var ended = doomed.Union(readers).Count();
        instruments.Fenced(repository.Name);
        Log.TaskFenced(logger, request.TaskId, repository.Name, request.FencingToken, ended);
        return new FenceResponse { SessionsEnded = ended };
    }

    public override async Task<CommitResponse> Commit(CommitRequest request, ServerCallContext context)
    {
        draining.ThrowIfDraining();
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        var manifest = ReadManifest(request, store.Keys);
        using var span = MoverDiagnostics.Source.StartActivity("mover.commit")?
            .SetTag("ovd.repository", repository.Name).SetTag("ovd.job", manifest.JobId).SetTag("ovd.point", manifest.PointId);
        var started = timeProvider.GetTimestamp();
        var outcome = "failed";
        try
        {
            var result = await store.CommitAsync(
                new Repository.Store.CommitRequest
                {
                    Manifest = manifest,
                    StoredManifest = request.Manifest.Memory,
                    MetadataFrames = [.. request.MetadataFrames.Select(frame => frame.Memory)],
                },
                context.CancellationToken);
            outcome = result.AlreadyCommitted ? "repeated" : "created";
            Log.PointCommitted(logger, result.Point.PointId, manifest.JobId, repository.Name, outcome, result.PagesChecked);
            return new CommitResponse
            {
                PointId = result.Point.PointId,
                Created = !result.AlreadyCommitted,
                StoredBytes = jobs.StoredBytes(repository.Name, manifest.JobId),
                LockedUntil = store.LockedUntil(result.Point.PointId)?.ToTimestamp(),
            };
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.MissingFrames)
        {
            outcome = "missing-frames";
            Log.CommitLacksFrames(logger, manifest.JobId, repository.Name, failure.MissingCount);
            throw;
        }
        finally
        {
            instruments.Committed(repository.Name, timeProvider.GetElapsedTime(started), outcome);
        }
    }

    public override async Task<AbortJobResponse> AbortJob(AbortJobRequest request, ServerCallContext context)
    {
        var repository = roster.Require(request.Repository);
        var store = repository.RequireStore();
        WireForms.Required(request.JobId, "job_id");
        var known = sessions.All.OfType<OpenWriteSession>()
            .Where(session => session.Repository == repository && session.JobId == request.JobId)
            .Select(session => session.TaskId);
        foreach (var task in known.Concat(request.TaskIds).Distinct(StringComparer.Ordinal).ToList())
        {
            sessions.DoomBelow(repository, task, long.MaxValue, SessionEnd.Aborted);
            await store.AbandonTaskAsync(task, CancellationToken.None);
            await EndReadersAsync(repository, task, long.MaxValue, SessionEnd.Aborted);
            Log.TaskAbandoned(logger, task, request.JobId, repository.Name);
        }

        jobs.Forget(repository.Name, request.JobId);
        return new AbortJobResponse();
    }

    // The store's fence ends writers only. Looked up after it: a reader that opens later finds the fence itself.
    private async Task<List<OpenSession>> EndReadersAsync(HostedRepository repository, string taskId, long token, SessionEnd end)
    {
        var readers = sessions.DoomBelow(repository, taskId, token, end).Where(session => session is OpenReadSession).ToList();
        foreach (var reader in readers)
        {
            await reader.DisposeAsync();
        }

        return readers;
    }

    // A status is asked for every minute, and the report of a round has them all.
    private const int MostProblems = 10;

    private static RepositoryStatus StatusOf(HostedRepository repository)
    {
        var status = new RepositoryStatus
        {
            Name = repository.Name,
            State = repository.State,
            Problem = repository.Problem,
            Location = repository.Location,
        };
        if (repository.Store is { } store)
        {
            var figures = store.GetStatistics();
            status.RepositoryId = store.Parameters.RepositoryId.ToString();
            status.KeySetId = store.Parameters.Encryption?.KeySetId.ToString("D") ?? "";
            status.KeyCheck = ByteString.CopyFrom(store.Parameters.Encryption is { } encryption ? encryption.KeyCheck.Span : []);
            status.Parameters = WireForms.ToWire(store.Parameters);
            status.Points = figures.Points;
            status.Packs = figures.Packs;
            status.StoredBytes = figures.PackBytes;
            status.FreeBytes = figures.FreeBytes ?? 0;
            status.OpenSessions = figures.WriteSessions + figures.ReadSessions;
            status.Collected = store.LastCollection?.Ended.ToTimestamp();
            status.CollectionProblems.AddRange((store.LastCollection?.Problems ?? []).Take(MostProblems));
        }

        return status;
    }

    private static ChunkerParameters Sized(ChunkerParameters parameters, int averageBytes)
    {
        // The minimum is a quarter and the maximum four times the average, as with the default of 128 KiB.
        var sized = parameters with { AverageSize = averageBytes, MinimumSize = averageBytes / 4, MaximumSize = averageBytes * 4L > int.MaxValue ? int.MaxValue : averageBytes * 4 };
        try
        {
            sized.Validate();
            return sized;
        }
        catch (RepositoryException failure)
        {
            throw OperatorException.Invalid("chunk_average_bytes", $"{averageBytes}", $"use 0 (131072), 131072 or 262144. {failure.Message}");
        }
    }

    private static VmManifest ReadManifest(CommitRequest request, ContentKeys keys)
    {
        VmManifest manifest;
        try
        {
            manifest = ManifestCodec.Read("manifest", request.Manifest.Span, keys);
        }
        catch (RepositoryException failure)
        {
            throw new OperatorException(FailureKind.InvalidInput, $"manifest cannot be used: {failure.Message}", failure);
        }

        return manifest.JobId == request.JobId
            ? manifest
            : throw OperatorException.Invalid("job_id", request.JobId, $"the manifest is of job '{manifest.JobId}'.");
    }
}
