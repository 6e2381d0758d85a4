// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>A disk written over an image transfer. Owns the connections.</summary>
internal sealed class ImageIoTarget(ImageIoClient client) : IDiskTarget
{
    public int Connections => client.Connections;

    public string Route => client.Route == ImageRoute.Direct ? "direct" : "proxy";

    public bool CanZero => client.Features.Zero;

    public bool CanChecksum => client.Features.Checksum;

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        CallAsync(() => client.WriteAsync(offset, data, cancellationToken));

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) =>
        CallAsync(() => client.ZeroAsync(offset, length, cancellationToken));

    public Task FlushAsync(CancellationToken cancellationToken) => CallAsync(() => client.FlushAsync(cancellationToken));

    public async Task<long> GetSizeAsync(CancellationToken cancellationToken)
    {
        var size = 0L;
        await CallAsync(async () => size = await client.GetSizeAsync(cancellationToken));
        return size;
    }

    public async Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken)
    {
        string? digest = null;
        await CallAsync(async () =>
        {
            try
            {
                digest = (await client.GetChecksumAsync(algorithm, blockBytes, cancellationToken)).Digest;
            }
            catch (OvirtException failure) when (failure.Error is OvirtError.BadRequest or OvirtError.Unsupported)
            {
                // Another algorithm may be known there.
            }
        });
        return digest;
    }

    public ValueTask DisposeAsync() => client.DisposeAsync();

    private static async Task CallAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (OvirtException failure)
        {
            throw ImageIoFailures.Classify(failure, FailureCode.TargetFailed);
        }
    }
}
