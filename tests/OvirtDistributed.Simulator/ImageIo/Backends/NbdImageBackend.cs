// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;
using OvirtDistributed.Simulator.Storage.Nbd;

namespace OvirtDistributed.Simulator.ImageIo.Backends;

/// <summary>An image behind an NBD server: guest-visible data, whatever the volume's format.</summary>
internal sealed class NbdImageBackend : IImageBackend
{
    /// <summary>Pieces of one buffer in flight: NBD is fastest with several requests of 256 KiB.</summary>
    private const int PieceBytes = 256 << 10;

    /// <summary>The real daemon asks for block status in steps of 2 GiB.</summary>
    private const long StatusStepBytes = (2L << 30) - 65536;

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

        var second = dirty ? _client.DirtyBitmapContext : _client.HasContext(NbdContexts.AllocationDepth) ? NbdContexts.AllocationDepth : null;
        ImageExtent? pending = null;
        for (long at = 0; at < SizeBytes;)
        {
            var status = await _client.BlockStatusAsync(at, (uint)Math.Min(StatusStepBytes, SizeBytes - at), cancellationToken);
            var covered = 0L;
            foreach (var extent in Merge(at, status, second, dirty))
            {
                covered += extent.Length;
                if (pending is { } last && last.Zero == extent.Zero && last.Hole == extent.Hole && last.Dirty == extent.Dirty)
                {
                    pending = last with { Length = last.Length + extent.Length };
                    continue;
                }

                if (pending is { } done)
                {
                    yield return done;
                }

                pending = extent;
            }

            if (covered == 0)
            {
                throw new NbdException("The NBD server answered no extents.");
            }

            at += covered;
        }

        if (pending is { } rest)
        {
            yield return rest;
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    /// <summary>Lays the allocation and the second context (depth or bitmap) over one another; covers what both cover.</summary>
    private IEnumerable<ImageExtent> Merge(long at, NbdBlockStatus status, string? second, bool dirty)
    {
        var allocation = status.Of(NbdContexts.BaseAllocation);
        var other = second is null ? [] : status.Of(second);
        var (i, j) = (0, 0);
        var (leftA, leftB) = (allocation.Count > 0 ? allocation[0].LengthBytes : 0u, other.Count > 0 ? other[0].LengthBytes : 0u);
        while (i < allocation.Count && (other.Count == 0 || j < other.Count) && at < SizeBytes)
        {
            var length = Math.Min(other.Count == 0 ? leftA : Math.Min(leftA, leftB), (ulong)(SizeBytes - at));
            var zero = (allocation[i].Flags & NbdContexts.ReadsZero) != 0;
            var flags = other.Count == 0 ? 0u : other[j].Flags;
            yield return dirty
                ? new ImageExtent(at, (long)length, zero, Hole: false, Dirty: (flags & NbdContexts.Dirty) != 0)
                : new ImageExtent(at, (long)length, zero, Hole: second is not null && other.Count > 0 && flags == 0, Dirty: false);
            at += (long)length;
            leftA -= (uint)length;
            if (leftA == 0 && ++i < allocation.Count)
            {
                leftA = allocation[i].LengthBytes;
            }

            if (other.Count > 0)
            {
                leftB -= (uint)length;
                if (leftB == 0 && ++j < other.Count)
                {
                    leftB = other[j].LengthBytes;
                }
            }
        }
    }
}
