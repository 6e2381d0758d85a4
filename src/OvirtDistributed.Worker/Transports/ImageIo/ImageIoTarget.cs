// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Ovirt.Errors;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.ImageIo;

/// <summary>A disk written over an image transfer. Owns the connections.</summary>
internal sealed class ImageIoTarget(ImageIoClient client) : IDiskTarget
{
    public int Connections => client.Connections;

    public string Route => client.Route == ImageRoute.Direct ? "direct" : "proxy";

    public bool CanZero => client.Features.Zero;

    /// <summary>Always: where the daemon computes none, what was written is read again.</summary>
    public bool CanChecksum => true;

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
        if (!client.Features.Checksum)
        {
            return await ReadBack.ChecksumAsync(new Readable(this), algorithm, blockBytes, cancellationToken);
        }

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

    private Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        CallAsync(() => client.ReadAsync(offset, destination, cancellationToken));

    /// <summary>A ticket to write is one to read too. Only for verification: a disk that is written in place needs a target that survives a failed upload.</summary>
    private sealed class Readable(ImageIoTarget target) : IReadableTarget
    {
        public int Connections => target.Connections;

        public string Route => target.Route;

        public bool CanZero => target.CanZero;

        public bool CanChecksum => target.CanChecksum;

        public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => target.ReadAsync(offset, destination, cancellationToken);

        public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => target.WriteAsync(offset, data, cancellationToken);

        public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => target.ZeroAsync(offset, length, cancellationToken);

        public Task FlushAsync(CancellationToken cancellationToken) => target.FlushAsync(cancellationToken);

        public Task<long> GetSizeAsync(CancellationToken cancellationToken) => target.GetSizeAsync(cancellationToken);

        public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) => target.ChecksumAsync(algorithm, blockBytes, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
