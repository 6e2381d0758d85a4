// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>A disk read over an image transfer. Owns the connections.</summary>
internal sealed class ImageIoSource(ImageIoClient client, long sizeBytes, ChangeSource changeSource) : IDiskSource
{
    public long SizeBytes => sizeBytes;

    public int Connections => client.Connections;

    public string Route => client.Route == ImageRoute.Direct ? "direct" : "proxy";

    public bool ReadsUnchanged => changeSource != ChangeSource.Layer;

    /// <summary>Takes over the client. The image must have the size the order names: else transfer and order are not of one disk.</summary>
    public static async Task<ImageIoSource> OpenAsync(ImageIoClient client, TaskOrder order, ChangeSource changeSource, CancellationToken cancellationToken)
    {
        try
        {
            var size = await client.GetSizeAsync(cancellationToken);
            return size == order.DiskSizeBytes
                ? new ImageIoSource(client, size, changeSource)
                : throw new TaskFailureException(
                    FailureCode.BadOrder, $"The transfer's image has {size} bytes, the order of disk {order.DiskId} says {order.DiskSizeBytes}.");
        }
        catch (OvirtException failure)
        {
            await client.DisposeAsync();
            throw ImageIoFailures.Classify(failure, FailureCode.SourceFailed);
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var extents = client
            .ReadExtentsAsync(changes && changeSource == ChangeSource.DirtyBitmap ? ExtentContext.Dirty : ExtentContext.Zero, cancellationToken)
            .GetAsyncEnumerator(cancellationToken);
        while (await MoveNextAsync(extents, changes))
        {
            var extent = extents.Current;

            RequireWholePages(extent);

            // What a layer on top of the base's does not hold is as it was; zeroes that it does hold are a trim.
            var isDirty = changeSource == ChangeSource.Layer ? !extent.IsHole : extent.IsDirty;
            yield return new SourceExtent(extent.Start, extent.Length, extent.IsZero, isDirty);
        }
    }

    public async Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        try
        {
            await client.ReadAsync(offset, destination, cancellationToken);
        }
        catch (OvirtException failure)
        {
            throw ImageIoFailures.Classify(failure, FailureCode.SourceFailed);
        }
    }

    /// <summary>Chunks are cut at multiples of 4 KiB: the rest of a page that a layer holds in part would be read as zeroes.</summary>
    private void RequireWholePages(ImageExtent extent)
    {
        const int PageBytes = 4096;
        if (changeSource == ChangeSource.Layer && extent.Start % PageBytes != 0)
        {
            throw new TaskFailureException(
                FailureCode.DirtyExtentsUnavailable, $"The snapshot's layer has an extent at byte {extent.Start}, which is no multiple of {PageBytes}: what changed cannot be told from what did not.");
        }
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();

    private static async ValueTask<bool> MoveNextAsync(IAsyncEnumerator<ImageExtent> extents, bool changes)
    {
        try
        {
            return await extents.MoveNextAsync();
        }
        catch (OvirtException failure) when (changes && failure.Error == OvirtError.Unsupported)
        {
            throw new TaskFailureException(
                FailureCode.DirtyExtentsUnavailable, $"The source cannot tell what changed: {failure.Message}", failure);
        }
        catch (OvirtException failure)
        {
            throw ImageIoFailures.Classify(failure, FailureCode.SourceFailed);
        }
    }
}
