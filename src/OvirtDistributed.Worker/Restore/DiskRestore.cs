// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Rescue;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Restore;

/// <summary>
/// Writes one disk of a restore point to a fresh target: data only, zeroes where the target is not known to be zero. What the point's own repository
/// cannot give comes from copies of the point, and is repaired there. Every chunk is proven by its digest on the way, and in the end the other side's checksum of what it holds is compared with ours of what was sent.
/// </summary>
internal sealed partial class DiskRestore(PipelineOptions options, TlsIdentity? tls, TimeProvider time, ILogger<DiskRestore> logger)
{
    public async Task<TaskSucceeded> RunAsync(TaskOrder order, IDiskTarget target, TransferControl control, CancellationToken cancellationToken)
    {
        try
        {
            using var channels = new MoverChannels(order.Mover.Address, tls, options.MoverConnections);
            var rescued = new RescueLog();
            var (root, digest) = await WriteAsync(order, channels, target, rescued, control, cancellationToken);
            var checksum = order.Restore.VerifyChecksum
                ? await VerifyAsync(order, channels, digest, target, control, cancellationToken)
                : string.Empty;
            return new TaskSucceeded { Root = DiskBackup.ToWire(root), Checksum = checksum, Rescue = rescued.ToReport() };
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

    private async Task<(DiskRoot Root, string Digest)> WriteAsync(
        TaskOrder order, MoverChannels channels, IDiskTarget target, RescueLog rescued, TransferControl control, CancellationToken cancellationToken)
    {
        await using var disk = await OpenAsync(order, channels, rescued, cancellationToken);
        var root = disk.Root;
        var targetSize = await target.GetSizeAsync(cancellationToken);
        if (root.DiskSize > targetSize)
        {
            throw new TaskFailureException(
                FailureCode.BadOrder,
                $"Disk {order.Restore.SourceDiskId} of point '{order.Restore.PointId}' has {root.DiskSize} bytes, target disk {order.DiskId} only {targetSize}.");
        }

        control.Meter.AddTotal(targetSize);
        control.Meter.SetWidth(PipelineStage.Target, target.Connections);
        using var digest = order.Restore.VerifyChecksum ? new BlockDigest(BlockDigest.Algorithms[0]) : null;
        var writer = new TargetWriter(target, control, order.Restore.TargetIsZero);
        await writer.RunAsync(disk.NewReader(SegmentBytes, target.Connections + ReadAhead), root.DiskSize, targetSize, digest, cancellationToken);
        await target.FlushAsync(cancellationToken);
        control.Meter.AddSent(disk.ReceivedBytes);
        Log.DiskWritten(logger, order.DiskId, root.DiskSize);
        return (root, digest?.Finish() ?? string.Empty);
    }

    // A quarter of a backup's segment: more pieces on their way in less than half the memory, and 1 MiB is what one ImageIO request needs.
    private const int SegmentBytes = 1 << 20;

    // Segments in the making beyond those being written: some being fetched on each connection while others are decoded.
    private const int ReadAhead = 8;

    private async Task<PointDisk> OpenAsync(TaskOrder order, MoverChannels channels, RescueLog rescued, CancellationToken cancellationToken)
    {
        var disk = new PointDiskOrder
        {
            Mover = order.Mover,
            PointId = order.Restore.PointId,
            DiskId = order.Restore.SourceDiskId,
            TaskId = order.TaskId,
            FencingToken = order.FencingToken,
            Root = order.Restore.Root,
            Copies = order.Restore.Copies,
        };
        try
        {
            return await PointDisk.OpenAsync(disk, channels, rescued, tls, time, logger, cancellationToken);
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

            var ours = algorithm == BlockDigest.Algorithms[0] ? sha256 : await DigestAgainAsync(order, channels, algorithm, target, cancellationToken);
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
    private async Task<string> DigestAgainAsync(TaskOrder order, MoverChannels channels, string algorithm, IDiskTarget target, CancellationToken cancellationToken)
    {
        await using var disk = await OpenAsync(order, channels, new RescueLog(), cancellationToken);
        using var digest = new BlockDigest(algorithm);
        await foreach (var extent in disk.NewReader(SegmentBytes, ReadAhead).ReadAsync(new DiskRange(0, disk.Root.DiskSize), cancellationToken))
        {
            using (extent)
            {
                TargetWriter.Digest(extent, digest);
            }
        }

        digest.AddZeroes(await target.GetSizeAsync(cancellationToken) - disk.Root.DiskSize);
        return digest.Finish();
    }
}
