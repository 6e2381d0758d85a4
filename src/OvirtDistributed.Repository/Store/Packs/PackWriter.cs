// SPDX-License-Identifier: Apache-2.0
using System.Threading.Channels;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>An open pack. One owner appends at a time; flushes run beside and acknowledge in groups (invariants 3 and 13).</summary>
internal sealed class PackWriter : IAsyncDisposable
{
    private readonly PackContext _context;
    private readonly IStorageAppender _appender;
    private readonly List<PackFrame> _frames = [];
    private readonly Channel<bool> _appended = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly SemaphoreSlim _flushing = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _pump;

    // Under the gate: what is appended and not yet flushed. The lists change places with the ones of the flush under way.
    private readonly Lock _gate = new();
    private readonly HashSet<ChunkDigest> _pendingDigests = [];
    private List<IndexEntry> _pending = [];
    private List<IndexEntry> _spare = [];
    private List<(IDurableListener Listener, DurableAck Mark)> _marks = [];
    private CancellationTokenSource? _hurry;
    private long _appendedLength = PackFormat.HeaderLength;
    private long _flushedLength = PackFormat.HeaderLength;
    private Exception? _failure;
    private volatile bool _sealed;

    public PackWriter(PackContext context, uint number, IStorageAppender appender)
    {
        _context = context;
        Number = number;
        _appender = appender;
        _pump = Task.Run(PumpAsync);
    }

    public uint Number { get; }

    public bool HasFailed => Failure is not null;

    /// <summary>Why nothing can be appended any more, and what was not flushed is lost; null while it can.</summary>
    public Exception? Failure => Volatile.Read(ref _failure);

    /// <summary>All that was appended is durable, and nothing more will be.</summary>
    public bool IsSealed => _sealed;

    public bool IsEmpty => _frames.Count == 0;

    /// <summary>Bytes that wait for a flush.</summary>
    public long UnflushedBytes
    {
        get
        {
            lock (_gate)
            {
                return _appendedLength - _flushedLength;
            }
        }
    }

    /// <summary>Whether so many frames of so many bytes still belong into the pack. An empty pack takes any one frame.</summary>
    public bool HasRoom(int bytes, int frames) =>
        _frames.Count + frames <= PackFormat.MaxFrames
        && (_appender.Length + bytes <= _context.PackSize || (_frames.Count == 0 && frames == 1));

    /// <summary>Whether the digest was appended and waits for its flush.</summary>
    public bool IsPending(in ChunkDigest digest)
    {
        lock (_gate)
        {
            return _pendingDigests.Contains(digest);
        }
    }

    /// <summary>Appends frames that lie one behind the other in the buffer.</summary>
    public async ValueTask AppendAsync(ReadOnlyMemory<byte> buffer, List<FramePart> parts, int first, int count, CancellationToken cancellationToken)
    {
        ThrowIfFailed();
        var start = parts[first].Start;
        var position = _appender.Length;
        try
        {
            await _appender.AppendAsync(buffer[start..parts[first + count - 1].End], cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException || _appender.Length != position)
        {
            // Part of it may be there: what came behind it would not be where the footer says.
            Fail(exception);
            throw;
        }

        lock (_gate)
        {
            for (var i = first; i < first + count; i++)
            {
                var header = parts[i].Header;
                var offset = (uint)(position + parts[i].Start - start);
                _frames.Add(new PackFrame(header.Digest, offset, header.StoredLength, header.PlainLength, header.Kind));
                _pending.Add(new IndexEntry(header.Digest, Number, offset, header));
                _pendingDigests.Add(header.Digest);
            }

            // Together with the entries: a flush must never cover bytes whose entries it does not have.
            _appendedLength = _appender.Length;
        }

        _context.Packs.Set(Number, _appender.Length);
    }

    /// <summary>Asks to be told when all that was appended so far is durable; at once when it is already.</summary>
    public void Mark(IDurableListener listener, DurableAck mark)
    {
        lock (_gate)
        {
            if (_failure is null && _appendedLength > _flushedLength)
            {
                _marks.Add((listener, mark));
                _appended.Writer.TryWrite(true);
                if (_appendedLength - _flushedLength >= _context.Options.FlushBytes)
                {
                    _hurry?.Cancel();
                }

                return;
            }
        }

        if (_failure is { } failure)
        {
            listener.OnFailed(failure);
            return;
        }

        listener.OnDurable(mark);
    }

    /// <summary>Makes all that was appended before the call durable, enters it into the index and tells the listeners.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _flushing.WaitAsync(cancellationToken);
        try
        {
            if (_sealed)
            {
                return;
            }

            ThrowIfFailed();
            await FlushLockedAsync();
        }
        finally
        {
            _flushing.Release();
        }

        await _context.Index.WriteTableIfFullAsync(cancellationToken);
    }

    /// <summary>Writes footer and trailer, durably. Nothing is appended afterwards.</summary>
    public async Task SealAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken);
        var offset = _appender.Length;
        try
        {
            await _appender.AppendAsync(PackFormat.WriteEnd(Number, _frames, offset), CancellationToken.None);
            await _appender.FlushAsync(CancellationToken.None);
        }
        catch (Exception exception)
        {
            // Its frames are durable and in the index; the next opening seals it.
            Fail(exception);
            throw;
        }

        _sealed = true;
        _context.Packs.Set(Number, _appender.Length);
        _context.Index.Add([], new PackCoverage(Number, (uint)offset, (uint)_appender.Length));
    }

    /// <summary>Ends the pack without sealing.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _pump.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _flushing.WaitAsync(CancellationToken.None);
        Fail(new RepositoryException(RepositoryError.SessionEnded, $"{PackFormat.NameOf(Number)}: closed"));
        await _appender.DisposeAsync();

        // A late flush may still come for a sealed pack: it finds the semaphore, and nothing to do.
        _flushing.Release();
        _stop.Dispose();
    }

    private async Task FlushLockedAsync()
    {
        List<IndexEntry> entries;
        List<(IDurableListener Listener, DurableAck Mark)> marks;
        long length;
        lock (_gate)
        {
            (entries, _pending, _spare) = (_pending, _spare, _pending);
            (marks, _marks) = (_marks, []);
            length = _appendedLength;
        }

        if (length > _flushedLength)
        {
            try
            {
                // Never given up halfway: what the flush did is not known otherwise.
                await _appender.FlushAsync(CancellationToken.None);
            }
            catch (Exception exception)
            {
                Fail(exception, marks);
                throw;
            }

            // The index then names this pack instead of one that a commit may rely on: a round that is under way must leave it.
            _context.Packs.Touch(Number);
            _context.Index.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(entries), new PackCoverage(Number, (uint)_flushedLength, (uint)length));
        }

        Forget(entries, length);
        foreach (var (listener, mark) in marks)
        {
            listener.OnDurable(mark);
        }
    }

    private void Forget(List<IndexEntry> flushed, long length)
    {
        lock (_gate)
        {
            _flushedLength = length;
            flushed.Clear();
            _pendingDigests.Clear();
            for (var i = _frames.Count - _pending.Count; i < _frames.Count; i++)
            {
                _pendingDigests.Add(_frames[i].Digest);
            }
        }
    }

    private async Task PumpAsync()
    {
        try
        {
            while (await _appended.Reader.WaitToReadAsync(_stop.Token))
            {
                await WaitForMoreAsync();
                _appended.Reader.TryRead(out _);
                await FlushAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The pack was closed.
        }
        catch (Exception exception)
        {
            // Whatever it was: a pump that ended silently would leave every later listener waiting for ever. The owner sees it with its next append.
            Fail(exception);
        }
    }

    // The group of a group flush: whatever arrives within the delay, unless it is much already.
    private async Task WaitForMoreAsync()
    {
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        lock (_gate)
        {
            if (_appendedLength - _flushedLength >= _context.Options.FlushBytes)
            {
                return;
            }

            _hurry = hurry;
        }

        await Task.Delay(_context.Options.FlushDelay, _context.TimeProvider, hurry.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        lock (_gate)
        {
            _hurry = null;
        }

        _stop.Token.ThrowIfCancellationRequested();
    }

    private void Fail(Exception exception, List<(IDurableListener Listener, DurableAck Mark)>? taken = null)
    {
        List<(IDurableListener Listener, DurableAck Mark)> marks;
        lock (_gate)
        {
            _failure ??= exception;
            marks = [.. taken ?? [], .. _marks];
            _marks = [];
        }

        foreach (var (listener, _) in marks)
        {
            listener.OnFailed(exception);
        }
    }

    private void ThrowIfFailed()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new RepositoryException(
                (failure as RepositoryException)?.Error ?? RepositoryError.Unavailable,
                $"{PackFormat.NameOf(Number)}: given up after a failed write: {failure.Message}",
                failure);
        }
    }
}
