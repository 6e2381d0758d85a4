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
    private readonly string _host;
    private readonly List<NbdClient> _clients = [];
    private int _turn;

    private SshDiskClient(HostExport export, string host)
    {
        _export = export;
        _host = host;
    }

    public long SizeBytes => _clients[0].SizeBytes;

    /// <summary>Has a host serve the disk of an order.</summary>
    /// <exception cref="TaskFailureException">It cannot, or it serves something else.</exception>
    public static async Task<SshDiskClient> OpenAsync(TaskOrder order, SshDisk? disk, bool writable, TimeProvider time, CancellationToken cancellationToken)
    {
        if (disk is null)
        {
            throw new TaskFailureException(FailureCode.BadOrder, "The order has no ssh_disk.");
        }

        var access = HostAccess.Of(disk);
        var client = new SshDiskClient(await HostExport.StartAsync(access, HostImage.Of(disk), writable, Clients, time, cancellationToken), access.Host);
        try
        {
            await client.ConnectAsync(cancellationToken);
            return client.SizeBytes == order.DiskSizeBytes
                ? client
                : throw new TaskFailureException(
                    FailureCode.BadOrder, $"Host {access.Host} serves {client.SizeBytes} bytes, the order of disk {order.DiskId} says {order.DiskSizeBytes}: they are not the same disk, nothing was touched.");
        }
        catch
        {
            await client.DisposeAsync();
            throw;
        }
    }

    /// <summary>See <see cref="NbdExtentReader"/>.</summary>
    public IAsyncEnumerable<NbdImageExtent> ReadExtentsAsync(CancellationToken cancellationToken) => NbdExtentReader.ReadAsync(_clients[0], cancellationToken);

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        CallAsync("read", offset, client => client.ReadAsync(offset, destination, cancellationToken));

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        CallAsync("written", offset, client => client.WriteAsync(offset, data, cancellationToken));

    /// <summary>Space that was allocated stays so.</summary>
    public Task ZeroAsync(long offset, long length, CancellationToken cancellationToken) =>
        CallAsync("zeroed", offset, client => client.WriteZeroesAsync(offset, length, punchHole: false, cancellationToken));

    /// <summary>On every connection: a server need not flush for one what another has written.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < _clients.Count; i++)
        {
            await CallAsync("flushed", 0, client => client.FlushAsync(cancellationToken));
        }
    }

    public TaskFailureException Failure(string verb, long offset, NbdException failure) => _export.Failure($"The disk on host {_host} could not be {verb} at byte {offset}", failure);

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await _export.DisposeAsync();
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (_clients.Count < Clients)
            {
                _clients.Add(await NbdClient.ConnectAsync(_export.SocketPath, cancellationToken));
            }
        }
        catch (NbdException failure)
        {
            throw Failure("opened", 0, failure);
        }
    }

    private async Task CallAsync(string verb, long offset, Func<NbdClient, ValueTask> call)
    {
        try
        {
            await call(_clients[(int)((uint)Interlocked.Increment(ref _turn) % (uint)_clients.Count)]);
        }
        catch (NbdException failure)
        {
            throw Failure(verb, offset, failure);
        }
    }
}
