// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Grpc.Core;
using OvirtDistributed.Hosting.Mover;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Mover;

/// <summary>The upload streams of a session, one for each connection. Whoever has frames takes the stream that is free.</summary>
internal sealed class UploadLanes : IAsyncDisposable
{
    private readonly FrameUploadStream[] _streams;
    private readonly Channel<FrameUploadStream> _free;
    private readonly TransferMeter _meter;

    public UploadLanes(IReadOnlyList<CallInvoker> connections, string sessionId, TransferMeter meter, CancellationToken cancellationToken)
    {
        _meter = meter;
        _streams = [.. connections.Select(invoker => FrameUploadStream.Open(invoker, sessionId, cancellationToken))];
        _free = Channel.CreateBounded<FrameUploadStream>(_streams.Length);
        foreach (var stream in _streams)
        {
            _free.Writer.TryWrite(stream);
        }
    }

    /// <summary>Sends whole frames. On return they are on their way, see <see cref="TakeMark"/> for durable.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> frames, CancellationToken cancellationToken)
    {
        var since = _meter.Now();
        var stream = await _free.Reader.ReadAsync(cancellationToken);
        since = _meter.Waited(PipelineStage.Send, since);
        await stream.WriteAsync(frames, cancellationToken);

        // After a failure the stream is not given back: nothing can be sent over it any more.
        _free.Writer.TryWrite(stream);
        _meter.Worked(PipelineStage.Send, since);
        _meter.AddSent(frames.Length);
    }

    /// <summary>The present end of every stream: all that was handed to <see cref="SendAsync"/> and returned lies before it.</summary>
    public long[] TakeMark() => Array.ConvertAll(_streams, stream => stream.WrittenBytes);

    /// <summary>Waits until everything before the mark is durable.</summary>
    public async Task WaitDurableAsync(long[] mark, CancellationToken cancellationToken)
    {
        for (var i = 0; i < _streams.Length; i++)
        {
            await _streams[i].WaitDurableAsync(mark[i], cancellationToken);
        }
    }

    /// <summary>Sends what is gathered in the streams, so that a mark becomes durable without further traffic. One caller at a time.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        // All of them are taken before one is given back: else the same stream could come twice and another one never.
        var taken = new List<FrameUploadStream>(_streams.Length);
        for (var i = 0; i < _streams.Length; i++)
        {
            var stream = await _free.Reader.ReadAsync(cancellationToken);
            await stream.FlushAsync(cancellationToken);
            taken.Add(stream);
        }

        foreach (var stream in taken)
        {
            _free.Writer.TryWrite(stream);
        }
    }

    /// <summary>Ends all streams in order; on return everything sent is durable.</summary>
    public async Task CompleteAsync(CancellationToken cancellationToken)
    {
        var since = _meter.Now();
        await Task.WhenAll(_streams.Select(stream => stream.CompleteAsync(cancellationToken)));
        _meter.Worked(PipelineStage.Store, since);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var stream in _streams)
        {
            await stream.DisposeAsync();
        }
    }
}
