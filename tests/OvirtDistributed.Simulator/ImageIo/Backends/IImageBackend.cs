// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.ImageIo.Backends;

/// <summary>A run of an image: zero context uses <paramref name="Zero"/> and <paramref name="Hole"/>, dirty context <paramref name="Dirty"/> and <paramref name="Zero"/>.</summary>
internal readonly record struct ImageExtent(long Start, long Length, bool Zero, bool Hole, bool Dirty);

/// <summary>One connection's way to an image's bytes. Used by one request at a time.</summary>
internal interface IImageBackend : IAsyncDisposable
{
    long SizeBytes { get; }

    int MaxReaders { get; }

    int MaxWriters { get; }

    /// <summary>Fills the whole destination.</summary>
    Task ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken);

    Task WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken);

    Task ZeroAsync(long offsetBytes, long lengthBytes, CancellationToken cancellationToken);

    Task FlushAsync(CancellationToken cancellationToken);

    /// <summary>All extents, sorted and without gaps from 0 to the size. Neighbours that are alike are one.</summary>
    /// <exception cref="ImageIoRefusal">Dirty extents are not available (404).</exception>
    IAsyncEnumerable<ImageExtent> ExtentsAsync(bool dirty, CancellationToken cancellationToken);
}
