// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Restore;

/// <summary>Takes an image in disk order, digests it on the way, and writes it over several connections in any order.</summary>
internal sealed class TargetWriter(IDiskTarget target, TransferControl control, bool targetIsZero)
{
    private const int ZeroBufferBytes = 1 << 20;

    private static readonly byte[] ZeroBuffer = new byte[ZeroBufferBytes];

    private readonly Channel<WriteItem> _writes = Channel.CreateBounded<WriteItem>(
        new BoundedChannelOptions(Math.Max(1, target.Connections)) { SingleWriter = true });

    /// <summary>Writes the whole image; nothing is flushed yet on return.</summary>
    /// <param name="reader">The image.</param>
    /// <param name="imageSize">Its size.</param>
    /// <param name="targetSize">The target's size; what lies beyond the image becomes zero.</param>
    /// <param name="digest">Takes the target's whole content in order; null when nobody compares.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(DiskImageReader reader, long imageSize, long targetSize, BlockDigest? digest, CancellationToken cancellationToken)
    {
        using var group = new StageGroup(cancellationToken);
        group.Run(token => ReadAsync(reader, imageSize, targetSize, digest, token));
        for (var i = 0; i < target.Connections; i++)
        {
            group.Run(WriteAsync);
        }

        try
        {
            await group.WhenAllAsync(cancellationToken);
        }
        finally
        {
            // After a failure extents may be left that nobody writes any more; their buffers belong to the reader.
            while (_writes.Reader.TryRead(out var left))
            {
                left.Extent?.Dispose();
            }
        }
    }

    public static void Digest(ImageExtent extent, BlockDigest digest)
    {
        if (extent.IsZero)
        {
            digest.AddZeroes(extent.Length);
        }
        else
        {
            digest.Add(extent.Data.Span);
        }
    }

    private async Task ReadAsync(DiskImageReader reader, long imageSize, long targetSize, BlockDigest? digest, CancellationToken cancellationToken)
    {
        var meter = control.Meter;
        var since = meter.Now();
        await foreach (var extent in reader.ReadAsync(new DiskRange(0, imageSize), cancellationToken))
        {
            since = meter.Worked(PipelineStage.Store, since);
            if (digest is not null)
            {
                Digest(extent, digest);
                since = meter.Worked(PipelineStage.Hash, since);
            }

            await QueueAsync(new WriteItem(extent.Offset, extent.Length, extent.IsZero ? null : extent), cancellationToken);
            since = meter.Waited(PipelineStage.Store, since);
        }

        if (targetSize > imageSize)
        {
            digest?.AddZeroes(targetSize - imageSize);
            await QueueAsync(new WriteItem(imageSize, targetSize - imageSize, null), cancellationToken);
        }

        _writes.Writer.Complete();
    }

    private async ValueTask QueueAsync(WriteItem item, CancellationToken cancellationToken)
    {
        if (item.Extent is null)
        {
            control.Meter.AddZero(item.Length);
            if (targetIsZero)
            {
                control.Meter.AddProcessed(item.Length);
                return;
            }
        }

        try
        {
            await _writes.Writer.WriteAsync(item, cancellationToken);
        }
        catch
        {
            item.Extent?.Dispose();
            throw;
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        var meter = control.Meter;
        var since = meter.Now();
        await foreach (var item in _writes.Reader.ReadAllAsync(cancellationToken))
        {
            since = meter.Waited(PipelineStage.Target, since);
            using (item.Extent)
            {
                if (item.Extent is { } extent)
                {
                    await control.Rate.AcquireAsync(extent.Data.Length, cancellationToken);
                    await target.WriteAsync(extent.Offset, extent.Data, cancellationToken);
                    AddWritten(extent.Data.Length);
                }
                else
                {
                    await ZeroAsync(item, cancellationToken);
                }
            }

            meter.AddProcessed(item.Length);
            since = meter.Worked(PipelineStage.Target, since);
        }
    }

    private async Task ZeroAsync(WriteItem item, CancellationToken cancellationToken)
    {
        if (target.CanZero)
        {
            await target.ZeroAsync(item.Offset, item.Length, cancellationToken);
            return;
        }

        for (var done = 0L; done < item.Length; done += ZeroBufferBytes)
        {
            var length = (int)Math.Min(ZeroBufferBytes, item.Length - done);
            await control.Rate.AcquireAsync(length, cancellationToken);
            await target.WriteAsync(item.Offset + done, ZeroBuffer.AsMemory(0, length), cancellationToken);
            AddWritten(length);
        }
    }

    private void AddWritten(long bytes) => control.Meter.AddWritten(target.CountsWrites ? 0 : bytes);

    /// <summary>A range to write; without an extent it is zero.</summary>
    private readonly record struct WriteItem(long Offset, long Length, ImageExtent? Extent);
}
