// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>
/// Several connections to one disk behind a unix socket, used in turn: qemu-nbd answers those of each at the same time too, and where the socket is
/// forwarded each has a window of its own.
/// </summary>
internal sealed class NbdConnections : IAsyncDisposable
{
    private readonly Func<string, long, NbdException, TaskFailureException> _explain;
    private readonly List<NbdClient> _clients = [];
    private int _turn;

    private NbdConnections(Func<string, long, NbdException, TaskFailureException> explain) => _explain = explain;

    public long SizeBytes => _clients[0].SizeBytes;

    /// <param name="socketPath">Where the server listens.</param>
    /// <param name="count">Connections.</param>
    /// <param name="explain">What a failure means: what was done (read, written, ...), at which byte, and what the protocol said.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="TaskFailureException">As explained.</exception>
    public static async Task<NbdConnections> OpenAsync(
        string socketPath, int count, Func<string, long, NbdException, TaskFailureException> explain, CancellationToken cancellationToken)
    {
        var connections = new NbdConnections(explain);
        try
        {
            while (connections._clients.Count < count)
            {
                connections._clients.Add(await NbdClient.ConnectAsync(socketPath, cancellationToken));
            }

            return connections;
        }
        catch (Exception failure)
        {
            await connections.DisposeAsync();
            if (failure is NbdException refused)
            {
                throw explain("opened", 0, refused);
            }

            throw;
        }
    }

    /// <summary>See <see cref="NbdExtentReader"/>.</summary>
    public async IAsyncEnumerable<NbdImageExtent> ReadExtentsAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var extents = NbdExtentReader.ReadAsync(_clients[0], cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await MoveNextAsync(extents))
        {
            yield return extents.Current;
        }
    }

    public Task ReadAsync(long offset, Memory<byte> destination, CancellationToken cancellationToken) =>
        CallAsync("read", offset, client => client.ReadAsync(offset, destination, cancellationToken));

    public Task WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        CallAsync("written", offset, client => client.WriteAsync(offset, data, cancellationToken));

    /// <param name="offset">First byte.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="punchHole">Give the space back; else what was allocated stays so.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public Task ZeroAsync(long offset, long length, bool punchHole, CancellationToken cancellationToken) =>
        CallAsync("zeroed", offset, client => client.WriteZeroesAsync(offset, length, punchHole, cancellationToken));

    /// <summary>On every connection: a server need not flush for one what another has written.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        for (var i = 0; i < _clients.Count; i++)
        {
            await CallAsync("flushed", 0, client => client.FlushAsync(cancellationToken));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }
    }

    private async ValueTask<bool> MoveNextAsync(IAsyncEnumerator<NbdImageExtent> extents)
    {
        try
        {
            return await extents.MoveNextAsync();
        }
        catch (NbdException failure)
        {
            throw _explain("mapped", 0, failure);
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
            throw _explain(verb, offset, failure);
        }
    }
}
