// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;

namespace OvirtDistributed.Worker.Restore;

/// <summary>
/// Writes one disk of a restore point to a fresh target: data only, zeroes where the target is not known to be zero. Every chunk is proven
/// by its digest on the way, and in the end the other side's checksum of what it holds is compared with ours of what was sent.
/// </summary>
internal sealed partial class DiskRestore(PipelineOptions options, TlsIdentity? tls, TimeProvider time, ILogger<DiskRestore> logger)
{
    public async Task<TaskSucceeded> RunAsync(TaskOrder order, IDiskTarget target, TransferControl control, CancellationToken cancellationToken)
    {
        try
        {
            using var channels = new MoverChannels(order.Mover.Address, tls, options.MoverConnections);
            var (root, digest) = await WriteAsync(order, channels, target, control, cancellationToken);
            var checksum = order.Restore.VerifyChecksum
                ? await VerifyAsync(order, channels, root, digest, target, control, cancellationToken)
                : string.Empty;
            return new TaskSucceeded { Root = root, Checksum = checksum };
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

    private async Task<(Contracts.Mover.V1.DiskRoot Root, string Digest)> WriteAsync(
        TaskOrder order, MoverChannels channels, IDiskTarget target, TransferControl control, CancellationToken cancellationToken)
    {
        await using var session = await OpenAsync(order, channels, cancellationToken);
        var root = session.Opened.Root;
        OrderKeys.RequireRoot(order.Restore.Root, root, $"Disk {order.Restore.SourceDiskId} of point '{order.Restore.PointId}'");
        var targetSize = await target.GetSizeAsync(cancellationToken);
        if (root.SizeBytes > targetSize)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder,
                $"Disk {order.Restore.SourceDiskId} of point '{order.Restore.PointId}' has {root.SizeBytes} bytes, target disk {order.DiskId} only {targetSize}.");
        }

        control.Meter.AddTotal(targetSize);
        control.Meter.SetWidth(PipelineStage.Target, target.Connections);
        using var digest = order.Restore.VerifyChecksum ? new BlockDigest(BlockDigest.Algorithms[0]) : null;
        var writer = new TargetWriter(target, control, order.Restore.TargetIsZero);
        var reader = NewReader(root, session, OrderKeys.Of(order.Mover, session.Opened.Parameters), target.Connections + ReadAhead);
        await writer.RunAsync(reader, root.SizeBytes, targetSize, digest, cancellationToken);
        await target.FlushAsync(cancellationToken);
        control.Meter.AddSent(session.ReceivedBytes);
        Log.DiskWritten(logger, order.DiskId, root.SizeBytes);
        return (root, digest?.Finish() ?? string.Empty);
    }

    // A quarter of a backup's segment: more pieces on their way in less than half the memory, and 1 MiB is what one ImageIO request needs.
    private const int SegmentBytes = 1 << 20;

    // Segments in the making beyond those being written: some being fetched on each connection while others are decoded.
    private const int ReadAhead = 8;

    private static DiskImageReader NewReader(Contracts.Mover.V1.DiskRoot root, ReadSession session, ContentKeys keys, int readAhead) => new(
        new DiskRoot(new ChunkDigest(root.Digest.Span), root.Levels, root.SizeBytes),
        session,
        keys,
        new DiskImageReaderOptions { SegmentBytes = SegmentBytes, ReadAhead = readAhead });

    private async Task<ReadSession> OpenAsync(TaskOrder order, MoverChannels channels, CancellationToken cancellationToken)
    {
        var request = new OpenReadRequest
        {
            Repository = order.Mover.Repository,
            PointId = order.Restore.PointId,
            DiskId = order.Restore.SourceDiskId,
            TaskId = order.TaskId,
            FencingToken = order.FencingToken,
        };
        try
        {
            return await ReadSession.OpenAsync(channels.Calls, channels.Bulk, request, time, cancellationToken);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.NotFound)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder, $"The Data Mover does not know what the order names: {failure.Status.Detail}", failure);
        }
    }

    private async Task<string> VerifyAsync(
        TaskOrder order,
        MoverChannels channels,
        Contracts.Mover.V1.DiskRoot root,
        string sha256,
        IDiskTarget target,
        TransferControl control,
        CancellationToken cancellationToken)
    {
        if (!target.CanChecksum)
        {
            throw new TaskFailureException(
                FailureCode.TargetFailed, "The written disk could not be verified: this ImageIO daemon cannot compute checksums. Restore without verification, or update the host.");
        }

        foreach (var algorithm in BlockDigest.Algorithms)
        {
            var since = control.Meter.Now();
            var theirs = await target.ChecksumAsync(algorithm, BlockDigest.BlockBytes, cancellationToken);
            control.Meter.Worked(PipelineStage.Target, since);
            if (theirs is null)
            {
                continue;
            }

            var ours = algorithm == BlockDigest.Algorithms[0] ? sha256 : await DigestAgainAsync(order, channels, root, algorithm, target, cancellationToken);
            if (theirs != ours)
            {
                throw new TaskFailureException(
                    FailureCode.ChecksumMismatch,
                    $"Disk {order.DiskId} does not hold what was written: {algorithm} of the repository's image is {ours}, of the disk {theirs}.");
            }

            Log.DiskVerified(logger, order.DiskId, algorithm, ours);
            return $"{algorithm}:{ours}";
        }

        throw new TaskFailureException(
            FailureCode.TargetFailed, $"The written disk could not be verified: this ImageIO daemon knows none of {string.Join(", ", BlockDigest.Algorithms)}.");
    }

    // Rare: only a daemon without SHA-256 makes the image be read from the repository a second time.
    private async Task<string> DigestAgainAsync(
        TaskOrder order, MoverChannels channels, Contracts.Mover.V1.DiskRoot root, string algorithm, IDiskTarget target, CancellationToken cancellationToken)
    {
        await using var session = await OpenAsync(order, channels, cancellationToken);
        using var digest = new BlockDigest(algorithm);
        var reader = NewReader(root, session, OrderKeys.Of(order.Mover, session.Opened.Parameters), ReadAhead);
        await foreach (var extent in reader.ReadAsync(new DiskRange(0, root.SizeBytes), cancellationToken))
        {
            using (extent)
            {
                TargetWriter.Digest(extent, digest);
            }
        }

        digest.AddZeroes(await target.GetSizeAsync(cancellationToken) - root.SizeBytes);
        return digest.Finish();
    }
}
