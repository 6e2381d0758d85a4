// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Simulator.Storage.Nbd;

namespace OvirtDistributed.Simulator.ImageIo.Backends;

/// <summary>An image behind an NBD server: guest-visible data, whatever the volume's format.</summary>
internal sealed class NbdImageBackend : IImageBackend
{
    /// <summary>Pieces of one buffer in flight: NBD is fastest with several requests of 256 KiB.</summary>
    private const int PieceBytes = 256 << 10;

    private readonly NbdClient _client;
    private readonly bool _punchHoles;

    private NbdImageBackend(NbdClient client, int connections, bool punchHoles)
    {
        _client = client;
        _punchHoles = punchHoles;
        MaxReaders = MaxWriters = connections;
    }

    public long SizeBytes => _client.SizeBytes;

    public int MaxReaders { get; }

    public int MaxWriters { get; }

    public static async Task<IImageBackend> OpenAsync(ImageTicket ticket, int connections, CancellationToken cancellationToken)
    {
        var client = await NbdClient.ConnectAsync(NbdAddress.Parse(ticket.Url), ticket.Dirty, cancellationToken);
        return new NbdImageBackend(client, connections, ticket.Sparse);
    }

    public async Task ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken)
    {
        var pieces = new List<Task>();
        for (var at = 0; at < destination.Length; at += PieceBytes)
        {
            var piece = destination.Slice(at, Math.Min(PieceBytes, destination.Length - at));
            pieces.Add(_client.ReadAsync(offsetBytes + at, piece, cancellationToken).AsTask());
        }

        await Task.WhenAll(pieces);
    }

    public async Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken) =>
        await _client.WriteAsync(offsetBytes, data, cancellationToken);

    public async Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken) =>
        await _client.WriteZeroesAsync(offsetBytes, lengthBytes, _punchHoles, cancellationToken);

    public async Task FlushAsync(CancellationToken cancellationToken) => await _client.FlushAsync(cancellationToken);

    public async IAsyncEnumerable<ImageExtent> ExtentsAsync(bool dirty, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (dirty && _client.DirtyBitmapContext is null)
        {
            throw new ImageIoRefusal(404, "NBD server does not support dirty bitmap");
        }

        if (!_client.HasContext(NbdContexts.BaseAllocation))
        {
            yield return new ImageExtent(0, SizeBytes, Zero: false, Hole: false, Dirty: false);
            yield break;
        }

        await foreach (var extent in NbdExtentReader.ReadAsync(_client, dirty, cancellationToken))
        {
            yield return new ImageExtent(extent.StartBytes, extent.LengthBytes, extent.Zero, extent.Hole, extent.Dirty);
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();
}
