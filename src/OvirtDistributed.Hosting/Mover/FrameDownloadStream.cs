// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;

namespace OvirtDistributed.Hosting.Mover;

/// <summary>
/// One <c>ReadFrames</c> stream: ask for frames by digest, then read their bytes in the order asked for. A frame's header tells its
/// length, so the reader takes the header first and then the rest. Open several, each over its own channel, for more throughput.
/// </summary>
/// <remarks>
/// One asker and one reader at a time; they may be different threads. Ask ahead to keep the link busy, but bound it: with
/// more than some thousand frames outstanding and nobody reading, <see cref="RequestAsync"/> waits until somebody does.
/// Any failure ends the stream; a frame the repository lacks or holds damaged shows as DATA_LOSS naming it.
/// </remarks>
public sealed class FrameDownloadStream : IAsyncDisposable
{
    /// <summary>Most digests in one request.</summary>
    public const int MaxDigestsPerRequest = 4096;

    private const int DigestBytes = 32;

    private readonly AsyncDuplexStreamingCall<ReadFramesRequest, FrameMessage> _call;
    private string _sessionId;
    private FrameMessage? _current;
    private ReadOnlyMemory<byte> _rest;

    private FrameDownloadStream(AsyncDuplexStreamingCall<ReadFramesRequest, FrameMessage> call, string readSessionId)
    {
        _call = call;
        _sessionId = readSessionId;
    }

    /// <summary>Bytes read so far.</summary>
    public long ReadBytes { get; private set; }

    /// <summary>Starts the call. It connects in the background; a refusal shows at the first use.</summary>
    /// <param name="invoker">Of the channel to use; see <c>GrpcChannel.CreateCallInvoker</c>.</param>
    /// <param name="readSessionId">From <c>OpenRead</c>.</param>
    /// <param name="cancellationToken">Ends the stream at any time.</param>
    public static FrameDownloadStream Open(CallInvoker invoker, string readSessionId, CancellationToken cancellationToken) =>
        new(invoker.AsyncDuplexStreamingCall(FrameMethods.ReadFrames, null, new CallOptions(cancellationToken: cancellationToken)), readSessionId);

    /// <summary>Asks for frames.</summary>
    /// <param name="digests">32-byte digests one after the other, at most <see cref="MaxDigestsPerRequest"/>. Borrowed until the task ends.</param>
    /// <param name="cancellationToken">Ends the whole stream.</param>
    public async ValueTask RequestAsync(ReadOnlyMemory<byte> digests, CancellationToken cancellationToken)
    {
        if (digests.Length is 0 or > MaxDigestsPerRequest * DigestBytes || digests.Length % DigestBytes != 0)
        {
            throw new ArgumentException($"{digests.Length} bytes are not 1 to {MaxDigestsPerRequest} digests of {DigestBytes} bytes.", nameof(digests));
        }

        var request = new ReadFramesRequest { ReadSessionId = _sessionId, Digests = UnsafeByteOperations.UnsafeWrap(digests) };
        try
        {
            await _call.RequestStream.WriteAsync(request, cancellationToken);
        }
        catch (Exception failure) when (failure is InvalidOperationException or IOException || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            ThrowIfEnded();
            if (failure is IOException broken)
            {
                throw ConnectionLoss.Of(broken);
            }

            throw;
        }

        _sessionId = ""; // the first message only
    }

    /// <summary>Nothing more will be asked for; what is outstanding still comes.</summary>
    public Task CompleteRequestsAsync() => _call.RequestStream.CompleteAsync();

    /// <summary>Fills <paramref name="destination"/> with the next bytes of the stream.</summary>
    /// <exception cref="RpcException">The call failed, or ended before so many bytes had come.</exception>
    public async ValueTask ReadExactlyAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (destination.Length > 0)
        {
            if (_rest.IsEmpty && !await NextMessageAsync(cancellationToken))
            {
                throw new RpcException(new Status(
                    StatusCode.DataLoss, $"The Data Mover ended the stream after {ReadBytes} bytes, {destination.Length} more were expected."));
            }

            var take = Math.Min(_rest.Length, destination.Length);
            _rest[..take].CopyTo(destination);
            _rest = _rest[take..];
            destination = destination[take..];
            ReadBytes += take;
        }
    }

    /// <summary>Waits for the end of the stream after <see cref="CompleteRequestsAsync"/>; fails when bytes are left or the call failed.</summary>
    public async Task FinishAsync(CancellationToken cancellationToken)
    {
        if (!_rest.IsEmpty || await NextMessageAsync(cancellationToken))
        {
            throw new RpcException(new Status(StatusCode.DataLoss, $"More bytes came than were asked for, after byte {ReadBytes}."));
        }
    }

    public ValueTask DisposeAsync()
    {
        _call.Dispose();
        _rest = default;
        _current?.Release();
        _current = null;
        return ValueTask.CompletedTask;
    }

    private async ValueTask<bool> NextMessageAsync(CancellationToken cancellationToken)
    {
        do
        {
            _current?.Release();
            _current = null;
            if (!await MoveNextAsync(cancellationToken))
            {
                return false;
            }

            _current = _call.ResponseStream.Current;
            _rest = _current.Data;
        }
        while (_rest.IsEmpty);

        return true;
    }

    private async ValueTask<bool> MoveNextAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _call.ResponseStream.MoveNext(cancellationToken);
        }
        catch (IOException failure)
        {
            throw ConnectionLoss.Of(failure);
        }
    }

    // A write on a call that the other side ended says only "call is complete"; the reason is the call's status.
    private void ThrowIfEnded()
    {
        Status status;
        try
        {
            status = _call.GetStatus();
        }
        catch (InvalidOperationException)
        {
            throw new RpcException(new Status(StatusCode.Unavailable, "The Data Mover ended the stream; its reason has not come yet."));
        }

        if (status.StatusCode != StatusCode.OK)
        {
            throw new RpcException(status, Trailers());
        }
    }

    // A call whose connection broke has a status and no trailers.
    private Metadata Trailers()
    {
        try
        {
            return _call.GetTrailers();
        }
        catch (InvalidOperationException)
        {
            return [];
        }
    }
}
