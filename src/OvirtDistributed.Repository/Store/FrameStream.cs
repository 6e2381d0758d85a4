// SPDX-License-Identifier: Apache-2.0
using System.Threading.Channels;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Memory;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <summary>One ordered stream of concatenated frames into a write session, cut into messages anywhere. One writer at a time.</summary>
/// <remarks>A frame that does not hold fails the stream; what was acknowledged before stays. Memory: one buffer of about 1 MiB.</remarks>
public sealed class FrameStream : IAsyncDisposable, IDurableListener
{
    private const int BufferLength = 1 << 20;

    private readonly WriteSession _session;
    private readonly FrameCheck _check;
    private readonly List<FramePart> _parts = [];
    private readonly TaskCompletionSource<DurableAck> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly Channel<DurableAck> _acknowledgements = Channel.CreateBounded<DurableAck>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private PageBuffer _owner = new(BufferLength);
    private int _used;
    private DurableAck _accepted;
    private DurableAck? _final;
    private Exception? _failure;
    private bool _disposed;

    internal FrameStream(WriteSession session, FrameCheck check)
    {
        _session = session;
        _check = check;
    }

    private Memory<byte> Buffer => _owner.Memory;

    /// <summary>What has become durable, newest only: a slow reader skips values. Completes with the stream, faulted when it failed.</summary>
    public ChannelReader<DurableAck> Acknowledgements => _acknowledgements.Reader;

    /// <summary>Takes the next bytes. Waits while too much is not yet durable: that is the backpressure of the store.</summary>
    /// <param name="bytes">Copied before the task ends.</param>
    /// <param name="cancellationToken">Gives up; the stream is then of no more use.</param>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.Damaged"/>: a header, checksum or digest does not hold, naming the frame and its position in the stream.
    /// </exception>
    public async ValueTask AppendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        ThrowIfOver();
        try
        {
            while (bytes.Length > 0)
            {
                MakeRoom();
                var taken = Math.Min(bytes.Length, _owner.Length - _used);
                bytes[..taken].CopyTo(Buffer[_used..]);
                bytes = bytes[taken..];
                _used += taken;
                await StoreWholeFramesAsync(cancellationToken);
            }
        }
        catch (Exception exception)
        {
            // Whatever it was, the position in the stream is lost.
            OnFailed(exception);
            throw;
        }
    }

    /// <summary>Ends the stream: flushes and returns the last acknowledgement, which covers every frame.</summary>
    /// <exception cref="RepositoryException">The last frame is cut short.</exception>
    public async Task<DurableAck> CompleteAsync(CancellationToken cancellationToken)
    {
        ThrowIfOver();
        if (_used > 0)
        {
            var cut = RepositoryException.Damaged($"frame stream: it ends within frame {_accepted.Frames}, {_used} bytes behind position {_accepted.Bytes}");
            OnFailed(cut);
            throw cut;
        }

        _final = _accepted;
        await _session.MarkAsync(this, _accepted, cancellationToken);
        await _session.FlushAsync(cancellationToken);
        return await _ended.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Ends the stream without flushing; what is not yet acknowledged may or may not be kept.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _session.Remove(this);
        _acknowledgements.Writer.TryComplete();
        _check.Dispose();
        ((IDisposable)_owner).Dispose();
        await ValueTask.CompletedTask;
    }

    void IDurableListener.OnDurable(DurableAck mark)
    {
        if (mark != default)
        {
            _acknowledgements.Writer.TryWrite(mark);
        }

        if (mark == _final)
        {
            _acknowledgements.Writer.TryComplete();
            _ended.TrySetResult(mark);
        }
    }

    void IDurableListener.OnFailed(Exception exception) => OnFailed(exception);

    internal void OnFailed(Exception exception)
    {
        if (Interlocked.CompareExchange(ref _failure, exception, null) is null)
        {
            _acknowledgements.Writer.TryComplete(exception);
            _ended.TrySetException(exception);

            // Nobody may be waiting for the end: the failure is seen by the next call or the reader of acknowledgements.
            _ = _ended.Task.Exception;
        }
    }

    private void ThrowIfOver()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _session.ThrowIfEnded();
        if (_failure is RepositoryException failure)
        {
            throw new RepositoryException(failure.Error, failure.Message, failure);
        }

        if (_failure is not null || _final is not null)
        {
            throw new RepositoryException(RepositoryError.SessionEnded, "frame stream: it has ended", _failure);
        }
    }

    // The buffer is full with a part of one frame: only a metadata frame is larger than the buffer.
    private void MakeRoom()
    {
        if (_used < _owner.Length)
        {
            return;
        }

        var larger = new PageBuffer(FrameHeader.MaxFrameLength);
        Buffer.Span[.._used].CopyTo(larger.GetSpan());
        ((IDisposable)_owner).Dispose();
        _owner = larger;
    }

    private async ValueTask StoreWholeFramesAsync(CancellationToken cancellationToken)
    {
        _parts.Clear();
        var at = 0;
        while (TryCheckNext(at, out var part))
        {
            _parts.Add(part);
            at = part.End;
        }

        if (_parts.Count == 0)
        {
            return;
        }

        await _session.StoreAsync(Buffer, _parts, cancellationToken);
        _accepted = new DurableAck(_accepted.Frames + _parts.Count, _accepted.Bytes + at);
        Buffer.Span[at.._used].CopyTo(Buffer.Span);
        _used -= at;
        await _session.MarkAsync(this, _accepted, cancellationToken);
    }

    private bool TryCheckNext(int at, out FramePart part)
    {
        part = default;
        var rest = Buffer.Span[at.._used];
        if (rest.Length < FrameHeader.Size)
        {
            return false;
        }

        try
        {
            var header = FrameHeader.Read(rest);
            if (rest.Length < header.FrameLength)
            {
                return false;
            }

            _check.Check(rest[..header.FrameLength], header);
            part = new FramePart(at, header);
            return true;
        }
        catch (RepositoryException exception)
        {
            throw new RepositoryException(
                exception.Error, $"frame stream: frame {_accepted.Frames + _parts.Count} at position {_accepted.Bytes + at}: {exception.Message}", exception);
        }
    }
}
