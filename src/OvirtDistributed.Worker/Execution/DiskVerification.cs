// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Hosting.Tls;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Mover;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Rescue;

namespace OvirtDistributed.Worker.Execution;

/// <summary>
/// Reads a disk of a restore point as a restore would, with the key, up to the last digest, and writes it nowhere. What does not hold is found in
/// steps of a map page and does not end the verification. Where the order says so, what is damaged comes from copies of the point and is repaired.
/// </summary>
internal sealed class DiskVerification(PipelineOptions options, TlsIdentity? tls, TimeProvider time, ILogger<DiskVerification> logger)
{
    private const int SegmentBytes = 1 << 20;
    private const int ReadAhead = 8;

    /// <summary>Reads all of the disk.</summary>
    /// <returns>The ranges that cannot be restored, if any.</returns>
    /// <exception cref="TaskFailureException">The Data Mover cannot be reached, or serves another disk than the order says.</exception>
    public async Task<TaskSucceeded> RunAsync(TaskOrder order, TransferControl control, CancellationToken cancellationToken)
    {
        try
        {
            using var channels = new MoverChannels(order.Mover.Address, tls, options.MoverConnections);
            return await ReadAllAsync(order, channels, control, cancellationToken);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.NotFound)
        {
            throw new TaskFailureException(FailureCode.BadOrder, $"The Data Mover does not know what the order names: {failure.Status.Detail}", failure);
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

    private async Task<TaskSucceeded> ReadAllAsync(TaskOrder order, MoverChannels channels, TransferControl control, CancellationToken cancellationToken)
    {
        var result = new TaskSucceeded { Root = order.Verify.Root };
        control.Meter.Route = "repository";
        control.Meter.AddTotal(order.DiskSizeBytes);
        var position = 0L;
        var rescued = new RescueLog();
        while (position < order.DiskSizeBytes)
        {
            // Many fetches at a time, as a restore reads. What goes wrong ends all of them: where it was is looked for one page and one fetch at a time.
            var all = new DiskRange(position, order.DiskSizeBytes - position);
            var (proven, damage) = await ReadAsync(order, channels, rescued, all, ReadAhead, control, cancellationToken);
            position = damage is null ? proven : await FindDamageAsync(order, channels, rescued, proven, result, control, cancellationToken);
        }

        AddUnrepaired(result, rescued);
        return result;
    }

    /// <returns>Where to go on: behind the first damaged page, or at the end.</returns>
    private async Task<long> FindDamageAsync(
        TaskOrder order, MoverChannels channels, RescueLog rescued, long position, TaskSucceeded result, TransferControl control, CancellationToken cancellationToken)
    {
        while (position < order.DiskSizeBytes)
        {
            var end = Math.Min(order.DiskSizeBytes, (MapGeometry.PageOf(position) + 1) * MapGeometry.PageBytes);
            var (proven, damage) = await ReadAsync(order, channels, rescued, new DiskRange(position, end - position), readAhead: 1, control, cancellationToken);
            if (damage is null)
            {
                position = end;
                continue;
            }

            var rest = new DiskRange(proven, end - proven);
            foreach (var range in await ExamineAsync(order, channels, rest, damage.IsContent, cancellationToken))
            {
                Add(result, range, damage.Message);
            }

            control.Meter.AddProcessed(end - proven);
            return end;
        }

        return position;
    }

    /// <summary>Which bytes of what could not be read in one go are bad: all of them where the map is.</summary>
    private async Task<IReadOnlyList<DiskRange>> ExamineAsync(
        TaskOrder order, MoverChannels channels, DiskRange range, bool mayBeContent, CancellationToken cancellationToken)
    {
        try
        {
            await using var session = await ReadSession.OpenAsync(channels.Calls, channels.Bulk, RequestOf(order), time, cancellationToken);
            var root = OrderKeys.RequireRoot(order.Verify.Root, session.Opened.Root, $"Disk {order.DiskId} of point '{order.Verify.PointId}'");
            var found = await ContentCheck.ExamineAsync(
                root, new OneByOne(session), OrderKeys.Of(order.Mover, session.Opened.Parameters), range, IsDamage, cancellationToken);
            if (mayBeContent && found.BadContent.Count > 0)
            {
                await ReportAsync(session, MapGeometry.PageOf(range.Offset), found.BadContent, cancellationToken);
            }

            // Damage that is gone again is still damage that was met.
            return found.Ranges.Count > 0 ? [.. found.Ranges.Select(bad => Clip(bad, range))] : [range];
        }
        catch (RepositoryException failure) when (IsDamage(failure))
        {
            return [range]; // the map itself
        }
    }

    /// <summary>
    /// The Data Mover sees frames that are whole: only who decodes them can tell it that their content is wrong. A report that it does not take is no
    /// reason to end the verification, which says what is wrong in any case.
    /// </summary>
    private static async Task ReportAsync(ReadSession session, long page, IReadOnlyCollection<ChunkDigest> chunks, CancellationToken cancellationToken)
    {
        try
        {
            await session.ReportBadContentAsync(page, chunks, cancellationToken);
        }
        catch (RpcException failure) when (failure.StatusCode is StatusCode.Unimplemented or StatusCode.InvalidArgument)
        {
            // A Data Mover that does not know reports yet, or has taken as many as it takes.
        }
    }

    private static DiskRange Clip(DiskRange bad, DiskRange to)
    {
        var start = Math.Max(bad.Offset, to.Offset);
        return new DiskRange(start, Math.Min(bad.End, to.End) - start);
    }

    private static void Add(TaskSucceeded result, DiskRange range, string damage)
    {
        if (result.Damage.Length == 0)
        {
            result.Damage = damage;
        }

        if (result.DamagedRanges.LastOrDefault() is { } last && last.OffsetBytes + last.LengthBytes == range.Offset)
        {
            last.LengthBytes += range.Length;
        }
        else
        {
            result.DamagedRanges.Add(new ByteRange { OffsetBytes = range.Offset, LengthBytes = range.Length });
        }
    }

    /// <summary>What a copy gave and could not be repaired is as damaged as what nobody gave.</summary>
    private static void AddUnrepaired(TaskSucceeded result, RescueLog rescued)
    {
        if (rescued.ToReport() is not { } report)
        {
            return;
        }

        result.Rescue = report;
        if (report.UnrepairedReason.Length > 0)
        {
            var ranges = result.DamagedRanges.Select(range => new DiskRange(range.OffsetBytes, range.LengthBytes)).Concat(rescued.UnrepairedRanges());
            var joined = RescueLog.Join(ranges);
            result.DamagedRanges.Clear();
            result.DamagedRanges.AddRange(joined.Select(range => new ByteRange { OffsetBytes = range.Offset, LengthBytes = range.Length }));
            result.Damage = result.Damage.Length > 0 ? result.Damage : report.UnrepairedReason;
        }
    }

    /// <summary>Reads a range in a session of its own: damage ends the streams of one.</summary>
    /// <returns>The first byte that was not proven, and what is wrong there; null when all was.</returns>
    private async Task<(long Proven, Damage? Damage)> ReadAsync(
        TaskOrder order, MoverChannels channels, RescueLog rescued, DiskRange range, int readAhead, TransferControl control, CancellationToken cancellationToken)
    {
        var position = range.Offset;
        await using var disk = await PointDisk.OpenAsync(OrderOf(order), channels, rescued, tls, time, logger, cancellationToken);
        try
        {
            await foreach (var extent in disk.NewReader(SegmentBytes, readAhead, order.Verify.Repair).ReadAsync(range, cancellationToken))
            {
                using (extent)
                {
                    await CountAsync(extent, control, cancellationToken);
                    position += extent.Length;
                }
            }

            return (position, null);
        }
        catch (RepositoryException failure) when (IsDamage(failure))
        {
            return (position, new Damage(failure.Message, !failure.BadContent.IsZero));
        }
        catch (TaskFailureException failure) when (failure.Code == FailureCode.RepositoryDamaged)
        {
            return (position, new Damage(failure.Message, IsContent: true)); // no copy has it either; whether it is the content the report finds out
        }
        finally
        {
            control.Meter.AddSent(disk.ReceivedBytes);
        }
    }

    private static OpenReadRequest RequestOf(TaskOrder order) => new()
    {
        Repository = order.Mover.Repository,
        PointId = order.Verify.PointId,
        DiskId = order.DiskId,
        TaskId = order.TaskId,
        FencingToken = order.FencingToken,
    };

    private static PointDiskOrder OrderOf(TaskOrder order) => new()
    {
        Mover = order.Mover,
        PointId = order.Verify.PointId,
        DiskId = order.DiskId,
        TaskId = order.TaskId,
        FencingToken = order.FencingToken,
        Root = order.Verify.Root,
        Copies = order.Verify.Copies,
        NeedsOwn = true,
    };

    private static async Task CountAsync(ImageExtent extent, TransferControl control, CancellationToken cancellationToken)
    {
        if (extent.IsZero)
        {
            control.Meter.AddZero(extent.Length);
        }
        else
        {
            await control.Rate.AcquireAsync((int)extent.Length, cancellationToken);
            control.Meter.AddRead(extent.Length);
        }

        control.Meter.AddProcessed(extent.Length);
    }

    private static bool IsDamage(RepositoryException failure) =>
        failure.Error is RepositoryError.Damaged or RepositoryError.MissingFrames
        || (failure.InnerException is RpcException call && FailureStatus.ReasonOf(call) is "damaged" or "missing-frames");

    /// <param name="Message">For people.</param>
    /// <param name="IsContent">The frame is whole, and what is in it is wrong.</param>
    private sealed record Damage(string Message, bool IsContent);

    /// <summary>Fetches that fail each for itself.</summary>
    private sealed class OneByOne(ReadSession session) : IFrameSource
    {
        public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) => session.FetchAloneAsync(digests, cancellationToken);
    }
}
