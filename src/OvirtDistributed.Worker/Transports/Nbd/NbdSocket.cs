// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net.Sockets;

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>Exact reads from a socket. Headers come through a small buffer; payload beyond what it holds goes straight to its destination.</summary>
internal sealed class NbdSocket(Socket socket) : IDisposable
{
    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    public async ValueTask<uint> ReadUInt32Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt32BigEndian((await PeekAsync(4, cancellationToken)).Span);

    public async ValueTask<ulong> ReadUInt64Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt64BigEndian((await PeekAsync(8, cancellationToken)).Span);

    public async ValueTask<ushort> ReadUInt16Async(CancellationToken cancellationToken) =>
        BinaryPrimitives.ReadUInt16BigEndian((await PeekAsync(2, cancellationToken)).Span);

    /// <summary>Takes a short piece; the memory is valid until the next read.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> PeekAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            _end += await ReceiveAsync(_buffer.AsMemory(_end), cancellationToken);
        }

        var piece = _buffer.AsMemory(_start, count);
        _start += count;
        return piece;
    }

    public async ValueTask ReadExactlyAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        var buffered = Math.Min(destination.Length, _end - _start);
        _buffer.AsSpan(_start, buffered).CopyTo(destination.Span);
        _start += buffered;
        while (buffered < destination.Length)
        {
            buffered += await ReceiveAsync(destination[buffered..], cancellationToken);
        }
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (data.Length > 0)
        {
            data = data[await socket.SendAsync(data, SocketFlags.None, cancellationToken)..];
        }
    }

    public void Dispose() => socket.Dispose();

    private async ValueTask<int> ReceiveAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        var count = await socket.ReceiveAsync(destination, SocketFlags.None, cancellationToken);
        return count > 0 ? count : throw new NbdException("The NBD server closed the connection.");
    }
}
