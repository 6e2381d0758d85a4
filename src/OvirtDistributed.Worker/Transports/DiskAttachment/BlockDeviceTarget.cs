// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Worker.Restore;

namespace OvirtDistributed.Worker.Transports.DiskAttachment;

/// <summary>A disk written as a local block device.</summary>
internal sealed class BlockDeviceTarget(BlockDevice device) : IReadableTarget
{
    private const int RequestsInFlight = 8;

    public int Connections => RequestsInFlight;

    public string Route => "device";

    public bool CanZero => true;

    public bool CanChecksum => true;

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => device.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => device.WriteAsync(offset, data, cancellationToken);

    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => Task.Run(() => device.Zero(offset, length), cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => Task.Run(device.Flush, cancellationToken);

    public Task<long> GetSizeAsync(CancellationToken cancellationToken) => Task.FromResult(device.SizeBytes);

    /// <summary>Reads the whole device back; after the flush nothing of it is in memory any more.</summary>
    public Task<string?> ChecksumAsync(string algorithm, int blockBytes, CancellationToken cancellationToken) =>
        ReadBack.ChecksumAsync(this, algorithm, blockBytes, cancellationToken);

    public ValueTask DisposeAsync()
    {
        device.Dispose();
        return ValueTask.CompletedTask;
    }
}
