// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports;
using OvirtDistributed.Worker.Transports.Points;
using CompressionProfile = OvirtDistributed.Repository.Frames.CompressionProfile;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;
using WireProfile = OvirtDistributed.Contracts.Mover.V1.CompressionProfile;

namespace OvirtDistributed.Worker.Execution;

/// <summary>Backs up one disk from an open source, whatever transport mode it came from.</summary>
internal sealed partial class DiskBackup(
    PipelineOptions options, TlsIdentity? tls, TimeProvider time, ILogger<DiskBackup> logger)
{
    /// <summary>Opens the session, moves what is needed, completes the disk.</summary>
    /// <param name="order">What to do.</param>
    /// <param name="workerId">Who does it.</param>
    /// <param name="source">The disk.</param>
    /// <param name="control">Progress and limits.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="frames">Of a copy: moves stored frames where the target is a replica; the source is not read as a disk then.</param>
    public async Task<TaskSucceeded> RunAsync(
        TaskOrder order, string workerId, IDiskSource source, TransferControl control, CancellationToken cancellationToken, FrameCopy? frames = null)
    {
        try
        {
            using var channels = new MoverChannels(order.Mover.Address, tls, options.MoverConnections);
            var session = await OpenAsync(order, workerId, source.ReadsUnchanged, channels.Calls, cancellationToken);
            try
            {
                return frames is not null && frames.Fits(session.Opened.Parameters)
                    ? await CopyFramesAsync(session, channels, frames, control, cancellationToken)
                    : await RunSessionAsync(order, session, channels, source, control, cancellationToken);
            }
            finally
            {
                await session.CloseAsync();
            }
        }
        catch (RpcException failure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MoverFailures.Classify(failure);
        }
        catch (RepositoryException failure)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw MoverFailures.Classify(failure);
        }
    }

    private async Task<BackupSession> OpenAsync(TaskOrder order, string workerId, bool readsUnchanged, CallInvoker calls, CancellationToken cancellationToken)
    {
        var request = new OpenSessionRequest
        {
            Repository = order.Mover.Repository,
            JobId = order.JobId,
            TaskId = order.TaskId,
            Attempt = order.Attempt,
            FencingToken = order.FencingToken,
            EngineBackupId = order.Backup.EngineBackupId,
            DiskId = order.DiskId,
            DiskSizeBytes = order.DiskSizeBytes,
            BasePointId = order.Backup.BasePointId,
            WorkerId = workerId,
            WantsRewrites = order.Backup.Incremental && readsUnchanged,
        };
        try
        {
            return await BackupSession.OpenAsync(calls, request, time, cancellationToken);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.NotFound)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"The Data Mover does not know what the order names: {failure.Status.Detail}", failure);
        }
    }

    /// <summary>From a replica: stored frames go as they are.</summary>
    private async Task<TaskSucceeded> CopyFramesAsync(
        BackupSession session, MoverChannels channels, FrameCopy frames, TransferControl control, CancellationToken cancellationToken)
    {
        await using var alive = SessionKeepAlive.Start(session.TouchAsync, session.Opened.IdleTimeoutSeconds, time);
        control.Meter.Route = "replica";
        var root = await frames.RunAsync(session, channels.Bulk, control, cancellationToken);
        return await CompleteAsync(session, root, cancellationToken);
    }

    private async Task<TaskSucceeded> RunSessionAsync(
        TaskOrder order, BackupSession session, MoverChannels channels, IDiskSource source, TransferControl control, CancellationToken cancellationToken)
    {
        var opened = session.Opened;
        await using var sessionAlive = SessionKeepAlive.Start(session.TouchAsync, opened.IdleTimeoutSeconds, time);
        var completed = await session.ListDurablePagesAsync(cancellationToken);
        Log.SessionOpened(logger, order.DiskId, opened.BaseRoot is not null, completed.Count, opened.DamagedRanges.Count, opened.RewriteRanges.Count);
        var baseRoot = order.Backup.Incremental ? RequireBase(order, opened) : (DiskRoot?)null;
        await using var baseReader = baseRoot is null ? null : await OpenBaseAsync(order, channels, cancellationToken);
        await using var baseAlive = baseReader is null
            ? null
            : SessionKeepAlive.Start(baseReader.TouchAsync, baseReader.Opened.IdleTimeoutSeconds, time);
        if (baseRoot is not null && !source.ReadsUnchanged && opened.DamagedRanges.Count > 0)
        {
            throw new TaskFailureException(
                FailureCode.DirtyExtentsUnavailable, $"Point '{order.Backup.BasePointId}' is damaged, and what it lost cannot be read from what changed since: the disk has to be read in full.");
        }

        using var plan = baseRoot is null
            ? await BackupPlan.FullAsync(source, options, cancellationToken)
            : await BackupPlan.IncrementalAsync(
                source, new BaseRanges(baseRoot.Value.DiskSize, RangesOf(opened.DamagedRanges), RewriteRanges(opened)), options, cancellationToken);
        control.Meter.AddRewritten(plan.RewrittenBytes);
        var keys = OrderKeys.Of(order.Mover, opened.Parameters);
        var work = new BackupWork
        {
            Keys = keys,
            Source = source,
            Plan = plan,
            Session = session,
            Uploads = channels.Bulk,
            Chunker = keys.Chunker(ChunkerOf(opened.Parameters)),
            Compression = ProfileOf(order.Backup.Compression, opened.Parameters.Compression),
            MapPlan = new DiskMapPlan { DiskSize = source.SizeBytes, Base = baseRoot, CompletedPages = completed, DamagedRanges = RangesOf(opened.DamagedRanges) },
            Base = baseReader,
            Control = control,
        };
        var root = await new BackupPipeline(options, time).RunAsync(work, cancellationToken);
        return await CompleteAsync(session, root, cancellationToken);
    }

    public static Contracts.Mover.V1.DiskRoot ToWire(DiskRoot root) => new()
    {
        Digest = Google.Protobuf.ByteString.CopyFrom(root.Digest.ToArray()),
        Levels = root.Levels,
        SizeBytes = root.DiskSize,
    };

    private static async Task<TaskSucceeded> CompleteAsync(BackupSession session, DiskRoot root, CancellationToken cancellationToken)
    {
        var wire = ToWire(root);
        var completed = await session.CompleteDiskAsync(wire, cancellationToken);
        return new TaskSucceeded { Root = wire, StoredBytes = completed.StoredBytes };
    }

    private async Task<ReadSession> OpenBaseAsync(TaskOrder order, MoverChannels channels, CancellationToken cancellationToken)
    {
        var request = new OpenReadRequest
        {
            Repository = order.Mover.Repository,
            PointId = order.Backup.BasePointId,
            DiskId = order.DiskId,
            TaskId = order.TaskId,
            FencingToken = order.FencingToken,
        };
        return await ReadSession.OpenAsync(channels.Calls, channels.Bulk, request, time, cancellationToken);
    }

    private static DiskRoot RequireBase(TaskOrder order, OpenSessionResponse opened)
    {
        if (opened.BaseRoot is null)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"Point '{order.Backup.BasePointId}' holds no disk {order.DiskId}: the order must be a full one.");
        }

        if (opened.BaseRoot.SizeBytes > order.DiskSizeBytes)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder,
                $"Disk {order.DiskId} had {opened.BaseRoot.SizeBytes} bytes in point '{order.Backup.BasePointId}' and has {order.DiskSizeBytes} now: the order must be a full one.");
        }

        return OrderKeys.RequireRoot(order.Backup.BaseRoot, opened.BaseRoot, $"Disk {order.DiskId} of base point '{order.Backup.BasePointId}'");
    }

    private static List<DiskRange> RangesOf(IEnumerable<ByteRange> ranges) =>
        [.. ranges.Select(range => new DiskRange(range.OffsetBytes, range.LengthBytes))];

    /// <summary>A wish: of a list that is not as promised nothing is read again.</summary>
    private static List<DiskRange> RewriteRanges(OpenSessionResponse opened)
    {
        var ranges = RangesOf(opened.RewriteRanges);
        var end = 0L;
        foreach (var range in ranges)
        {
            if (range.Offset < end || range.Length <= 0)
            {
                return [];
            }

            end = range.End;
        }

        return ranges;
    }

    private static ChunkerParameters ChunkerOf(Contracts.Mover.V1.RepositoryParameters parameters)
    {
        if (parameters.MapPageSpanBytes != MapGeometry.PageBytes || parameters.MapNodeChildren != MapGeometry.FanOut)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder,
                $"The repository's map has pages of {parameters.MapPageSpanBytes} bytes and nodes of {parameters.MapNodeChildren} children; the worker writes {MapGeometry.PageBytes} and {MapGeometry.FanOut}.");
        }

        return new ChunkerParameters
        {
            Salt = parameters.ChunkSalt.ToByteArray(),
            MinimumSize = parameters.ChunkMinBytes,
            AverageSize = parameters.ChunkAverageBytes,
            MaximumSize = parameters.ChunkMaxBytes,
        };
    }

    /// <summary>What the order says; else what the repository was created with.</summary>
    private static CompressionProfile ProfileOf(Compression ordered, WireProfile standard) => (ordered, standard) switch
    {
        (Compression.Fast, _) or (Compression.Unspecified, WireProfile.Fast) => CompressionProfile.Fast,
        (Compression.Dense, _) or (Compression.Unspecified, WireProfile.Dense) => CompressionProfile.Dense,
        (Compression.None, _) or (Compression.Unspecified, WireProfile.Stored) => CompressionProfile.Stored,
        _ => CompressionProfile.Default,
    };
}
