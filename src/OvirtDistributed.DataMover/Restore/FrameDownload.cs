// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Google.Protobuf;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Errors;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Reading;

namespace OvirtDistributed.DataMover.Restore;

/// <summary>One running <c>ReadFrames</c> call: the next batch is read from the repository while the last one is sent, and no further ahead.</summary>
internal sealed class FrameDownload(OpenReadSession session, CallScope scope, int largestChunkBytes, MoverInstruments instruments)
{
    private const int MaxDigestsPerRequest = FrameDownloadStream.MaxDigestsPerRequest;

    private readonly FrameMessage _message = new();
    private readonly ChunkDigest[] _digests = new ChunkDigest[IFrameSource.MaxBatch * 2];

    // As many of the largest chunks as fit half of the stream's share: two batches are in memory at once.
    private readonly int _batchFrames = (int)Math.Clamp(StreamBudget.ReaderBytes / 2 / largestChunkBytes, 1, IFrameSource.MaxBatch);
    private bool _secondHalf;

    /// <param name="requests">Positioned on the first message.</param>
    /// <param name="responses">Receives the frames in the order asked for.</param>
    public async Task RunAsync(IAsyncStreamReader<ReadFramesRequest> requests, IServerStreamWriter<FrameMessage> responses)
    {
        instruments.StreamOpened(session.Repository.Name, "read");
        Task<FrameBatch>? ahead = null;
        try
        {
            do
            {
                var asked = requests.Current.Digests;
                var count = WireForms.CountDigests(asked, "digests", MaxDigestsPerRequest);
                for (var at = 0; at < count;)
                {
                    var take = Math.Min(_batchFrames, count - at);
                    var next = FetchAsync(asked, at, take);
                    at += take;
                    var ready = ahead;
                    ahead = next;
                    await SendAsync(ready, responses);
                }

                // Nobody may be waiting for more before it asks for more: send what is left of the request.
                var rest = ahead;
                ahead = null;
                await SendAsync(rest, responses);
            }
            while (await requests.MoveNext(scope.Token));
        }
        catch (Exception failure) when (scope.EndedUnderCaller && scope.Explains(failure))
        {
            throw scope.Failure();
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.MissingFrames or RepositoryError.Damaged)
        {
            throw new OperatorException(FailureKind.DataDamaged, failure.Message, failure) { Reason = FailureReasons.Damaged };
        }
        finally
        {
            await DiscardAsync(ahead);
            instruments.StreamClosed(session.Repository.Name, "read");
        }
    }

    // Two halves of one array: the batch in flight still uses the other.
    private Task<FrameBatch> FetchAsync(ByteString asked, int first, int count)
    {
        var half = _digests.AsMemory(_secondHalf ? IFrameSource.MaxBatch : 0, count);
        _secondHalf = !_secondHalf;
        var digests = MemoryMarshal.Cast<byte, ChunkDigest>(asked.Span).Slice(first, count);
        if (digests.Contains(ChunkDigest.Zero))
        {
            throw OperatorException.Invalid("digests", "32 zero bytes", "that name stands for zeros, which are not stored: do not ask for it.");
        }

        digests.CopyTo(half.Span);
        return session.Store.FetchAsync(half, scope.Token);
    }

    private async Task SendAsync(Task<FrameBatch>? ready, IServerStreamWriter<FrameMessage> responses)
    {
        if (ready is null)
        {
            return;
        }

        using var batch = await ready;
        long bytes = 0;
        var pending = ReadOnlyMemory<byte>.Empty;
        for (var i = 0; i < batch.Count; i++)
        {
            var frame = batch[i];
            bytes += frame.Length;
            if (TryJoin(pending, frame, out var joined))
            {
                pending = joined;
                continue;
            }

            await WriteAsync(pending, responses);
            pending = frame;
        }

        await WriteAsync(pending, responses);
        instruments.Sent(session.Repository.Name, bytes);
    }

    // Small frames usually lie side by side in the batch's buffer: they go out as one message without being copied together.
    private static bool TryJoin(ReadOnlyMemory<byte> first, ReadOnlyMemory<byte> second, out ReadOnlyMemory<byte> joined)
    {
        joined = default;
        if (first.Length + second.Length > FrameUploadStream.MaxMessageBytes
            || !MemoryMarshal.TryGetArray(first, out var left)
            || !MemoryMarshal.TryGetArray(second, out var right)
            || left.Array != right.Array
            || left.Offset + left.Count != right.Offset)
        {
            return false;
        }

        joined = left.Array.AsMemory(left.Offset, left.Count + right.Count);
        return true;
    }

    private async Task WriteAsync(ReadOnlyMemory<byte> data, IServerStreamWriter<FrameMessage> responses)
    {
        while (data.Length > 0)
        {
            _message.Data = data[..Math.Min(data.Length, FrameUploadStream.MaxMessageBytes)];
            data = data[_message.Data.Length..];
            await responses.WriteAsync(_message, scope.Token);
        }
    }

    private static async Task DiscardAsync(Task<FrameBatch>? ahead)
    {
        if (ahead is null)
        {
            return;
        }

        try
        {
            (await ahead).Dispose();
        }
        catch (Exception)
        {
            // The call has ended for another reason, which is the one that is told.
        }
    }
}
