// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Grpc.Core;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.Worker.Mover;

/// <summary>
/// One stream of frames over one connection, opened at the first fetch. A fetch that fails or is given up in the middle ends the stream for all that were
/// under way; the next fetch opens another one.
/// </summary>
internal sealed class FrameLane(CallInvoker invoker, string sessionId, CancellationToken sessionEnded) : IAsyncDisposable
{
    private readonly SemaphoreSlim _asking = new(1);
    private FrameDownloadStream? _stream;
    private Task _lastRead = Task.CompletedTask;
    private long _receivedBefore;
    private bool _isBroken;

    public long ReceivedBytes => Volatile.Read(ref _receivedBefore) + (_stream?.ReadBytes ?? 0);

    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        Task<FrameBatch> read;
        await _asking.WaitAsync(cancellationToken);
        try
        {
            await DropBrokenAsync();
            _stream ??= FrameDownloadStream.Open(invoker, sessionId, sessionEnded);
            var asked = MemoryMarshal.AsBytes(digests.Span).ToArray();
            await RequestAsync(_stream, asked, cancellationToken);
            read = ReadAsync(_stream, _lastRead, digests, cancellationToken);
            _lastRead = read;
        }
        finally
        {
            _asking.Release();
        }

        return await read;
    }

    public async ValueTask DisposeAsync()
    {
        if (_stream is not null)
        {
            await _stream.DisposeAsync();
        }

        await _lastRead.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _asking.Dispose();
    }

    private async ValueTask RequestAsync(FrameDownloadStream stream, byte[] asked, CancellationToken cancellationToken)
    {
        _isBroken = true;
        try
        {
            await stream.RequestAsync(asked, cancellationToken);
            _isBroken = false;
        }
        catch (RpcException)
        {
            // What ended the stream is what the fetch before this one met, if there was one under way.
            await _lastRead;
            throw;
        }
    }

    private async ValueTask DropBrokenAsync()
    {
        if (_isBroken)
        {
            // Whether the question that was given up is on its way nobody knows: what was asked before still comes, what comes behind it may be off by one.
            await _lastRead.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (_stream is { } broken && _lastRead.IsCompleted && (_isBroken || !_lastRead.IsCompletedSuccessfully))
        {
            Volatile.Write(ref _receivedBefore, _receivedBefore + broken.ReadBytes);
            await broken.DisposeAsync();
            (_stream, _lastRead, _isBroken) = (null, Task.CompletedTask, false);
        }
    }

    private static async Task<FrameBatch> ReadAsync(
        FrameDownloadStream stream, Task before, ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        // Answers come in the order of the questions. When the one before failed, the position in the stream is lost.
        await before;
        var batch = new FrameBatch(digests.Length);
        try
        {
            var head = new byte[FrameHeader.Size];
            for (var i = 0; i < digests.Length; i++)
            {
                await stream.ReadExactlyAsync(head, cancellationToken);
                var header = FrameHeader.Read(head);
                var frame = batch.Allocate(header.FrameLength);
                head.CopyTo(frame);
                await stream.ReadExactlyAsync(frame[FrameHeader.Size..], cancellationToken);
                batch[i] = frame;
            }

            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }
}
