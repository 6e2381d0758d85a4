// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Grpc.Core;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

/// <summary>Frames over a download stream, one batch at a time.</summary>
internal sealed class RemoteFrames(CallInvoker invoker, string readSessionId) : IFrameSource, IAsyncDisposable
{
    private readonly FrameDownloadStream _stream = FrameDownloadStream.Open(invoker, readSessionId, TestContext.Current.CancellationToken);
    private readonly SemaphoreSlim _turn = new(1, 1);

    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        var batch = new FrameBatch(digests.Length);
        try
        {
            await _stream.RequestAsync(MemoryMarshal.AsBytes(digests.Span).ToArray(), cancellationToken);
            var header = new byte[FrameHeader.Size];
            for (var i = 0; i < digests.Length; i++)
            {
                await _stream.ReadExactlyAsync(header, cancellationToken);
                var frame = batch.Allocate(FrameHeader.Read(header).FrameLength);
                header.CopyTo(frame);
                await _stream.ReadExactlyAsync(frame[FrameHeader.Size..], cancellationToken);
                batch[i] = frame;
            }

            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _turn.Dispose();
    }
}
