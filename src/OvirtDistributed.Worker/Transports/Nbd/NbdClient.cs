// SPDX-License-Identifier: Apache-2.0

using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>
/// An NBD client over a unix socket: fixed newstyle, structured replies, block status, any number of requests in flight.
/// A canceled request closes the connection, because its reply can no longer be given up otherwise: every later call fails.
/// </summary>
internal sealed partial class NbdClient : IAsyncDisposable
{
    /// <summary>Longest range of one trim or zeroing: servers limit these to just under 2 GiB.</summary>
    private const long MaxRangeBytes = 1L << 30;

    private readonly NbdSocket _socket;
    private readonly SemaphoreSlim _sendGate = new(1);
    private readonly ConcurrentDictionary<ulong, NbdRequest> _inFlight = new();
    private readonly uint _maxPayloadBytes;
    private readonly bool _structured;
    private readonly Dictionary<uint, string> _contexts;
    private readonly byte[] _requestHeader = new byte[28];
    private readonly CancellationTokenSource _abort = new();
    private readonly Task _loop;
    private ulong _lastHandle;
    private volatile Exception? _broken;

    private NbdClient(NbdSocket socket, NbdNegotiation agreed)
    {
        _socket = socket;
        SizeBytes = agreed.SizeBytes;
        ReadOnly = (agreed.TransmissionFlags & NbdWire.TransmissionReadOnly) != 0;
        _maxPayloadBytes = agreed.MaxPayloadBytes;
        _structured = agreed.StructuredReplies;
        _contexts = agreed.Contexts;
        _loop = ReceiveAsync();
    }

    public long SizeBytes { get; }

    public bool ReadOnly { get; }

    public bool HasContext(string name) => _contexts.ContainsValue(name);

    /// <summary>Connects to the default export and negotiates.</summary>
    /// <exception cref="NbdException">The server is not there, has no such export, or breaks the protocol.</exception>
    public static async Task<NbdClient> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var wire = new NbdSocket(socket);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            var negotiation = new NbdNegotiation(wire);
            await negotiation.RunAsync(cancellationToken);
            return new NbdClient(wire, negotiation);
        }
        catch (SocketException e)
        {
            wire.Dispose();
            throw new NbdException($"Cannot talk to the NBD server at {socketPath}: {e.Message}");
        }
        catch
        {
            wire.Dispose();
            throw;
        }
    }

    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            var count = (int)Math.Min(destination.Length, _maxPayloadBytes);
            var request = new NbdRequest { Destination = destination[..count], OffsetBytes = offsetBytes };
            await RunAsync(request, NbdWire.CommandRead, 0, offsetBytes, (uint)count, default, cancellationToken);
            destination = destination[count..];
            offsetBytes += count;
        }
    }

    public async ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        while (data.Length > 0)
        {
            var count = (int)Math.Min(data.Length, _maxPayloadBytes);
            await RunAsync(new NbdRequest(), NbdWire.CommandWrite, 0, offsetBytes, (uint)count, data[..count], cancellationToken);
            data = data[count..];
            offsetBytes += count;
        }
    }

    /// <summary>Zeroes a range; with <paramref name="punchHole"/> its space may be given back.</summary>
    public ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes, bool punchHole, CancellationToken cancellationToken) =>
        RangeAsync(NbdWire.CommandWriteZeroes, punchHole ? (ushort)0 : NbdWire.CommandFlagNoHole, offsetBytes, lengthBytes, cancellationToken);

    public async ValueTask FlushAsync(CancellationToken cancellationToken) =>
        await RunAsync(new NbdRequest(), NbdWire.CommandFlush, 0, 0, 0, default, cancellationToken);

    /// <summary>Asks the status of a range in all selected contexts. The answer may cover only a part of it.</summary>
    public async ValueTask<NbdBlockStatus> BlockStatusAsync(long offsetBytes, uint lengthBytes, CancellationToken cancellationToken)
    {
        if (_contexts.Count == 0)
        {
            throw new NbdException("The server offers no block status.");
        }

        var request = new NbdRequest { Status = new NbdBlockStatus() };
        await RunAsync(request, NbdWire.CommandBlockStatus, 0, offsetBytes, lengthBytes, default, cancellationToken);
        return request.Status;
    }

    /// <summary>Says goodbye and closes; data that was not flushed stays with the server.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_broken is null && !_abort.IsCancellationRequested)
        {
            try
            {
                await SendAsync(NbdWire.CommandDisconnect, 0, 0, 0, 0, default, CancellationToken.None);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or NbdException)
            {
                // The server is gone already.
            }
        }

        if (!_abort.IsCancellationRequested)
        {
            await _abort.CancelAsync();
        }

        await _loop;
        _socket.Dispose();
    }

    private async ValueTask RangeAsync(ushort command, ushort flags, long offsetBytes, long lengthBytes, CancellationToken cancellationToken)
    {
        while (lengthBytes > 0)
        {
            var count = Math.Min(lengthBytes, MaxRangeBytes);
            await RunAsync(new NbdRequest(), command, flags, offsetBytes, (uint)count, default, cancellationToken);
            lengthBytes -= count;
            offsetBytes += count;
        }
    }

    private async ValueTask RunAsync(
        NbdRequest request, ushort command, ushort flags, long offsetBytes, uint lengthBytes, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var handle = Interlocked.Increment(ref _lastHandle);
        _inFlight[handle] = request;

        // The receive loop may be filling the caller's memory, so a canceled call still waits until the loop has ended.
        await using var registration = cancellationToken.UnsafeRegister(static client => ((NbdClient)client!)._abort.Cancel(), this);
        try
        {
            if (_broken is { } broken)
            {
                throw new NbdException($"The NBD connection is broken: {broken.Message}");
            }

            await SendAsync(command, flags, handle, offsetBytes, lengthBytes, payload, _abort.Token);
            await request.Done;
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await _loop;
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            await _abort.CancelAsync();
            await _loop;
            throw new NbdException($"The NBD connection broke: {e.Message}");
        }
        finally
        {
            _ = _inFlight.TryRemove(handle, out _);
        }
    }

    private async ValueTask SendAsync(
        ushort command, ushort flags, ulong handle, long offsetBytes, uint lengthBytes, ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        await _sendGate.WaitAsync(cancellationToken);
        try
        {
            var header = _requestHeader.AsSpan();
            BinaryPrimitives.WriteUInt32BigEndian(header, NbdWire.RequestMagic);
            BinaryPrimitives.WriteUInt16BigEndian(header[4..], flags);
            BinaryPrimitives.WriteUInt16BigEndian(header[6..], command);
            BinaryPrimitives.WriteUInt64BigEndian(header[8..], handle);
            BinaryPrimitives.WriteUInt64BigEndian(header[16..], (ulong)offsetBytes);
            BinaryPrimitives.WriteUInt32BigEndian(header[24..], lengthBytes);
            await _socket.SendAsync(_requestHeader, cancellationToken);
            await _socket.SendAsync(payload, cancellationToken);
        }
        finally
        {
            _ = _sendGate.Release();
        }
    }
}
