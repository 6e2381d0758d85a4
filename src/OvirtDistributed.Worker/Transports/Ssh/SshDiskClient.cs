// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports.Nbd;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>Connections to a disk that a host serves. Owns the export; failures come as <see cref="TaskFailureException"/>.</summary>
internal sealed class SshDiskClient : IAsyncDisposable
{
    /// <summary>Requests in flight.</summary>
    public const int Requests = 8;

    // Each is an SSH channel with a window of its own; one would limit what is on its way to 2 MiB.
    private const int Clients = 4;

    private readonly HostExport _export;
    private readonly NbdConnections _disk;

    private SshDiskClient(HostExport export, NbdConnections disk)
    {
        _export = export;
        _disk = disk;
    }

    public long SizeBytes => _disk.SizeBytes;

    /// <summary>Has a host serve the disk of an order.</summary>
    /// <exception cref="TaskFailureException">It cannot, or it serves something else.</exception>
    public static async Task<SshDiskClient> OpenAsync(TaskOrder order, SshDisk? disk, bool writable, TimeProvider time, CancellationToken cancellationToken)
    {
        if (disk is null)
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order has no ssh_disk.");
        }

        var access = HostAccess.Of(disk);
        var export = await HostExport.StartAsync(access, HostImage.Of(disk), writable, Clients, time, cancellationToken);
        try
        {
            var connections = await NbdConnections.OpenAsync(
                export.SocketPath,
                Clients,
                (verb, offset, failure) => export.Failure($"The disk on host {access.Ssh.Name} could not be {verb} at byte {offset}", failure),
                cancellationToken);
            return await RequireSizeAsync(new SshDiskClient(export, connections), access, order);
        }
        catch
        {
            await export.DisposeAsync();
            throw;
        }
    }

    public IAsyncEnumerable<NbdImageExtent> ReadExtentsAsync(CancellationToken cancellationToken) => _disk.ReadExtentsAsync(cancellationToken);

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) => _disk.ReadAsync(offset, destination, cancellationToken);

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) => _disk.WriteAsync(offset, data, cancellationToken);

    /// <summary>Space that was allocated stays so.</summary>
    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) => _disk.ZeroAsync(offset, length, punchHole: false, cancellationToken);

    public Task FlushAsync(CancellationToken cancellationToken) => _disk.FlushAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _disk.DisposeAsync();
        await _export.DisposeAsync();
    }

    private static async Task<SshDiskClient> RequireSizeAsync(SshDiskClient client, HostAccess access, TaskOrder order)
    {
        if (client.SizeBytes == order.DiskSizeBytes)
        {
            return client;
        }

        await client._disk.DisposeAsync();
        throw new TaskFailureException(
            FailureCode.BadOrder, $"Host {access.Ssh.Name} serves {client.SizeBytes} bytes, the order of disk {order.DiskId} says {order.DiskSizeBytes}: they are not the same disk, nothing was touched.");
    }
}
