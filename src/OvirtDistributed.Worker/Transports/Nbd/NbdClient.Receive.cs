// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace OvirtDistributed.Worker.Transports.Nbd;

internal sealed partial class NbdClient
{
    /// <summary>Longest chunk that is not read data: the status of a very fragmented range.</summary>
    private const uint MaxControlChunkBytes = 64 * 1024 * 1024;

    private async Task ReceiveAsync()
    {
        Exception reason = new NbdException("The connection was closed.");
        try
        {
            while (true)
            {
                await ReceiveReplyAsync(_abort.Token);
            }
        }
        catch (Exception e) when (e is NbdException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            reason = e is NbdException ? e : new NbdException($"The connection ended: {e.Message}");
        }

        _broken = reason;
        foreach (var request in _inFlight.Values)
        {
            request.Fail(reason);
        }
    }

    private async ValueTask ReceiveReplyAsync(CancellationToken cancellationToken)
    {
        var magic = await _socket.ReadUInt32Async(cancellationToken);
        if (magic == NbdWire.SimpleReplyMagic)
        {
            await ReceiveSimpleAsync(cancellationToken);
        }
        else if (magic == NbdWire.StructuredReplyMagic && _structured)
        {
            await ReceiveChunkAsync(cancellationToken);
        }
        else
        {
            throw new NbdException($"The server sent a reply with the unknown mark 0x{magic:x8}.");
        }
    }

    private async ValueTask ReceiveSimpleAsync(CancellationToken cancellationToken)
    {
        var error = await _socket.ReadUInt32Async(cancellationToken);
        var handle = await _socket.ReadUInt64Async(cancellationToken);
        var request = Find(handle);
        if (error == 0)
        {
            await _socket.ReadExactlyAsync(request.Destination, cancellationToken);
            request.ReceivedBytes = request.Destination.Length;
        }
        else
        {
            request.Error = new NbdException($"The server reports error {error}.", error);
        }

        Finish(handle, request);
    }

    private async ValueTask ReceiveChunkAsync(CancellationToken cancellationToken)
    {
        var head = (await _socket.PeekAsync(16, cancellationToken)).Span;
        var flags = BinaryPrimitives.ReadUInt16BigEndian(head);
        var type = BinaryPrimitives.ReadUInt16BigEndian(head[2..]);
        var handle = BinaryPrimitives.ReadUInt64BigEndian(head[4..]);
        var length = BinaryPrimitives.ReadUInt32BigEndian(head[12..]);
        var request = Find(handle);
        if (type == NbdWire.ChunkOffsetData && length >= 8)
        {
            var target = Slice(request, await _socket.ReadUInt64Async(cancellationToken), length - 8);
            await _socket.ReadExactlyAsync(target, cancellationToken);
        }
        else if (type == NbdWire.ChunkOffsetHole && length == 12)
        {
            var offset = await _socket.ReadUInt64Async(cancellationToken);
            Slice(request, offset, await _socket.ReadUInt32Async(cancellationToken)).Span.Clear();
        }
        else
        {
            await ReceiveControlAsync(request, type, length, cancellationToken);
        }

        if ((flags & NbdWire.ChunkFlagDone) != 0)
        {
            Finish(handle, request);
        }
    }

    private async ValueTask ReceiveControlAsync(NbdRequest request, ushort type, uint length, CancellationToken cancellationToken)
    {
        if (length > MaxControlChunkBytes)
        {
            throw new NbdException($"The server sent a chunk of type {type} with {length} bytes.");
        }

        var data = new byte[length];
        await _socket.ReadExactlyAsync(data, cancellationToken);
        if (type == NbdWire.ChunkBlockStatus && length >= 4 && request.Status is { } status)
        {
            if (_contexts.TryGetValue(BinaryPrimitives.ReadUInt32BigEndian(data), out var context))
            {
                status.Set(context, ParseExtents(data.AsSpan(4)));
            }
        }
        else if ((type & NbdWire.ChunkErrorBit) != 0 && length >= 6)
        {
            var error = BinaryPrimitives.ReadUInt32BigEndian(data);
            var textLength = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(data.AsSpan(4)), data.Length - 6);
            request.Error ??= new NbdException($"The server reports error {error}: {Encoding.UTF8.GetString(data.AsSpan(6, textLength))}", error);
        }
        else if (type != NbdWire.ChunkNone)
        {
            throw new NbdException($"The server sent a chunk of the unknown type {type}.");
        }
    }

    private static NbdExtent[] ParseExtents(ReadOnlySpan<byte> data)
    {
        var extents = new NbdExtent[data.Length / 8];
        for (var i = 0; i < extents.Length; i++)
        {
            var entry = data.Slice(i * 8, 8);
            extents[i] = new NbdExtent(BinaryPrimitives.ReadUInt32BigEndian(entry), BinaryPrimitives.ReadUInt32BigEndian(entry[4..]));
        }

        return extents;
    }

    /// <summary>Where a part of the answer goes.</summary>
    private static Memory<byte> Slice(NbdRequest request, ulong offset, uint length)
    {
        var start = (long)offset - request.OffsetBytes;
        if (start < 0 || start + length > request.Destination.Length)
        {
            throw new NbdException($"The server sent {length} bytes at {offset}, outside of what was asked.");
        }

        request.ReceivedBytes += length;
        return request.Destination.Slice((int)start, (int)length);
    }

    private NbdRequest Find(ulong handle) =>
        _inFlight.TryGetValue(handle, out var request) ? request : throw new NbdException($"The server answered the unknown request {handle}.");

    private void Finish(ulong handle, NbdRequest request)
    {
        _ = _inFlight.TryRemove(handle, out _);
        if (request.ReceivedBytes < request.Destination.Length)
        {
            request.Error ??= new NbdException($"The server sent {request.ReceivedBytes} of {request.Destination.Length} bytes.");
        }

        request.Complete();
    }
}
