// SPDX-License-Identifier: Apache-2.0

using System.Buffers;
using OvirtDistributed.Simulator.ImageIo.Backends;

namespace OvirtDistributed.Simulator.ImageIo;

/// <summary>What one connection has open for a ticket: its own backend and buffer, as the real daemon gives each connection.</summary>
internal sealed class ConnectionImage(IImageBackend backend) : IAsyncDisposable
{
    /// <summary>1 MiB: with the pool of buffers beneath, larger steps no longer raise the rate.</summary>
    public const int BufferBytes = 1 << 20;

    private byte[]? _buffer;
    private int _disposed;

    public IImageBackend Backend { get; } = backend;

    public Memory<byte> Buffer => _buffer ??= ArrayPool<byte>.Shared.Rent(BufferBytes);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        await Backend.DisposeAsync();
        if (Interlocked.Exchange(ref _buffer, null) is { } buffer)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
