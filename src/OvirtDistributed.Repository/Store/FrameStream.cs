// SPDX-License-Identifier: Apache-2.0
using System.Threading.Channels;

namespace OvirtDistributed.Repository.Store;

/// <summary>One ordered stream of concatenated frames into a write session, cut into messages anywhere. One writer at a time.</summary>
/// <remarks>A frame that does not hold fails the stream; what was acknowledged before stays. Memory: one buffer of about 1 MiB.</remarks>
public sealed partial class FrameStream : IAsyncDisposable
{
    /// <summary>What has become durable, newest only: a slow reader skips values. Completes with the stream, faulted when it failed.</summary>
    public ChannelReader<DurableAck> Acknowledgements => throw new NotSupportedException("not landed yet");

    /// <summary>Takes the next bytes. Waits while too much is not yet durable: that is the backpressure of the store.</summary>
    /// <param name="bytes">Copied before the task ends.</param>
    /// <param name="cancellationToken">Gives up; the stream is then of no more use.</param>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.Damaged"/>: a header, checksum or digest does not hold, naming the frame and its position in the stream.
    /// </exception>
    public ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Ends the stream: flushes and returns the last acknowledgement, which covers every frame.</summary>
    /// <exception cref="RepositoryException">The last frame is cut short.</exception>
    public Task<DurableAck> CompleteAsync(CancellationToken cancellationToken) => throw new NotSupportedException("not landed yet");

    /// <summary>Ends the stream without flushing; what is not yet acknowledged may or may not be kept.</summary>
    public ValueTask DisposeAsync() => throw new NotSupportedException("not landed yet");
}
