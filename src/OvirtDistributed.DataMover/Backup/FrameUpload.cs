// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Control;
using OvirtDistributed.DataMover.Sessions;
using OvirtDistributed.DataMover.Telemetry;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Repository.Store;

namespace OvirtDistributed.DataMover.Backup;

/// <summary>One running <c>PutFrames</c> call: bytes go to the store as they come, acknowledgements go back as the store flushes.</summary>
internal sealed class FrameUpload(OpenWriteSession session, CallScope scope, JobLedger jobs, MoverInstruments instruments)
{
    private readonly string _repository = session.Repository.Name;
    private DurableAck _acknowledged;

    /// <summary>Runs until the caller has half-closed and everything is durable, or something ends it.</summary>
    /// <param name="first">The message that opened the call; its owner releases it.</param>
    /// <param name="requests">The messages after it.</param>
    /// <param name="responses">Written by one task at a time.</param>
    public async Task RunAsync(FrameMessage first, IAsyncStreamReader<FrameMessage> requests, IServerStreamWriter<PutFramesResponse> responses)
    {
        instruments.StreamOpened(_repository, "put");
        await using var frames = session.Store.OpenFrameStream();
        var acknowledging = AcknowledgeAsync(frames.Acknowledgements, responses);
        try
        {
            await StoreAsync(frames, first, requests);
            var last = await frames.CompleteAsync(scope.Token);
            await acknowledging;
            await SendAsync(last, responses); // in case the newest-only channel ended before it
        }
        catch (Exception failure) when (scope.EndedUnderCaller && scope.Explains(failure))
        {
            // What the store has taken and not acknowledged it still flushes: the next attempt need not send it again.
            throw scope.Failure();
        }
        finally
        {
            await frames.DisposeAsync(); // completes the acknowledgements, so that their task ends
            await Quietly(acknowledging);
            instruments.StreamClosed(_repository, "put");
        }
    }

    private async Task StoreAsync(FrameStream frames, FrameMessage first, IAsyncStreamReader<FrameMessage> requests)
    {
        await AppendAsync(frames, first.Data);
        while (await requests.MoveNext(scope.Token))
        {
            var message = requests.Current;
            try
            {
                await AppendAsync(frames, message.Data);
            }
            finally
            {
                message.Release();
            }
        }
    }

    private async ValueTask AppendAsync(FrameStream frames, ReadOnlyMemory<byte> data)
    {
        if (data.Length > 0)
        {
            instruments.Received(_repository, data.Length);
            await frames.AppendAsync(data, scope.Token);
        }
    }

    private async Task AcknowledgeAsync(ChannelReader<DurableAck> acknowledgements, IServerStreamWriter<PutFramesResponse> responses)
    {
        await foreach (var durable in acknowledgements.ReadAllAsync(CancellationToken.None))
        {
            await SendAsync(durable, responses);
        }
    }

    private async Task SendAsync(DurableAck durable, IServerStreamWriter<PutFramesResponse> responses)
    {
        if (durable.Bytes <= _acknowledged.Bytes)
        {
            return;
        }

        var added = durable.Bytes - _acknowledged.Bytes;
        _acknowledged = durable;
        session.AddDurable(added);
        jobs.AddStored(_repository, session.JobId, added);
        instruments.BecameDurable(_repository, added);
        await responses.WriteAsync(new PutFramesResponse { DurableBytes = durable.Bytes, DurableFrames = durable.Frames }, CancellationToken.None);
    }

    // The store's failure is the one that is told; that the acknowledgements ended with it too adds nothing.
    private static async Task Quietly(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception)
        {
            // Told by the caller's own await, or the caller is gone.
        }
    }
}
