// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Transports.ImageIo;

namespace OvirtDistributed.Worker.Transports.Volumes;

/// <summary>A layer's file over an image transfer. Owns the connections.</summary>
internal sealed class ImageIoVolume(ImageIoClient client, long sizeBytes) : IVolumeFile
{
    public long SizeBytes => sizeBytes;

    public int Connections => client.Connections;

    /// <summary>Takes over the client.</summary>
    public static async Task<ImageIoVolume> OpenAsync(ImageIoClient client, CancellationToken cancellationToken)
    {
        try
        {
            return new ImageIoVolume(client, await client.GetSizeAsync(cancellationToken));
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

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
