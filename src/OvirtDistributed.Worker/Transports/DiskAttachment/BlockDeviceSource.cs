// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace OvirtDistributed.Worker.Transports.DiskAttachment;

/// <summary>
/// A snapshot's disk read as a local block device. A device does not tell what of it was never written: everything is read, and the scan for
/// zeroes keeps what is empty from being sent.
/// </summary>
internal sealed class BlockDeviceSource(BlockDevice device) : IDiskSource
{
    // Storage behind a virtual controller answers many requests at once better than few.
    private const int RequestsInFlight = 8;

    public long SizeBytes => device.SizeBytes;

    public int Connections => RequestsInFlight;

    public string Route => "device";

    public bool ReadsUnchanged => true;

    public async IAsyncEnumerable<SourceExtent> ListExtentsAsync(bool changes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.Yield();
        cancellationToken.ThrowIfCancellationRequested();
        yield return new SourceExtent(0, SizeBytes, IsZero: false, IsDirty: true);
    }

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => device.ReadAsync(offset, destination, cancellationToken);

    public ValueTask DisposeAsync()
    {
        device.Dispose();
        return ValueTask.CompletedTask;
    }
}
