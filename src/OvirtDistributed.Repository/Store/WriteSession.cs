// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <summary>One attempt at one disk. Safe for concurrent use: several frame streams, have and page batches may run at once.</summary>
/// <remarks>
/// Any call fails with <see cref="RepositoryError.Fenced"/> once a higher token was seen, and with <see cref="RepositoryError.SessionEnded"/>
/// after the session was disposed or expired. Ending a session loses nothing that was acknowledged: a later attempt goes on from it.
/// </remarks>
public sealed partial class WriteSession : IFrameSource, IAsyncDisposable
{
    private readonly SessionContext _context;
    private readonly WriteSessionRequest _request;
    private readonly SessionJournal _journal;
    private readonly Action<WriteSession> _onEnd;
    private readonly SessionLife _life;
    private readonly HashSet<FrameStream> _streams = [];
    private readonly HashSet<uint> _pins = [];
    private readonly Lock _gate = new();

    // Appends to the pack; journal records. In this order where both are taken.
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly SemaphoreSlim _journaling = new(1, 1);
    private PackWriter? _writer;
    private TaskCompletionSource? _closed;

    internal WriteSession(
        SessionContext context,
        WriteSessionRequest request,
        WriteSessionStart start,
        Action<WriteSession> onEnd)
    {
        _context = context;
        _request = request;
        _journal = start.Journal;
        _onEnd = onEnd;
        _life = new SessionLife(context.TimeProvider, $"write session of task {request.TaskId}, token {request.FencingToken}");
        Base = start.Base;
        CompletedPages = start.Pages;
        DamagedRanges = start.DamagedRanges;
        RewriteRanges = start.RewriteRanges;
    }

    /// <summary>Names the session within this process.</summary>
    public Guid Id { get; } = Guid.NewGuid();

    public string TaskId => _request.TaskId;

    public long FencingToken => _request.FencingToken;

    /// <summary>Size of the disk in bytes.</summary>
    public long DiskSize => _request.DiskSize;

    /// <summary>The base disk, when the request named one.</summary>
    public DiskRoot? Base { get; }

    /// <summary>Ranges of the base that cannot be read: the worker reads them whatever the manager calls dirty, and sends them without asking.</summary>
    public IReadOnlyList<DiskRange> DamagedRanges { get; }

    /// <summary>
    /// Ranges whose chunks in the base are little used or small: the worker reads them though they did not change, and cuts them afresh together with
    /// what did. Empty unless asked for; leaving them out is no fault. Ascending and disjoint.
    /// </summary>
    public IReadOnlyList<DiskRange> RewriteRanges { get; }

    /// <summary>Pages an earlier attempt with the same engine backup and base completed.</summary>
    public IReadOnlyList<PageDigest> CompletedPages { get; }

    /// <summary>Ends when the session does: fenced, expired, disposed or the store closed.</summary>
    public CancellationToken Ended => _life.Ended;

    internal string? BasePointId => _request.BasePointId;

    internal TimeSpan Idle => _life.Idle;

    /// <summary>Which digests need not be sent (invariant 6). The packs of hits stay until the session ends.</summary>
    /// <param name="digests">Any number.</param>
    /// <param name="bitmap">One bit per digest, the lowest bit of a byte first: set means present. (count + 7) / 8 bytes.</param>
    /// <returns>Digests present.</returns>
    public int Have(ReadOnlySpan<ChunkDigest> digests, Span<byte> bitmap)
    {
        _life.Use();
        bitmap[..((digests.Length + 7) / 8)].Clear();
        var entries = ArrayPool<IndexEntry>.Shared.Rent(digests.Length);
        try
        {
            var found = entries.AsSpan(0, digests.Length);
            var count = _context.Packs.Index.Find(digests, found);
            lock (_gate)
            {
                for (var i = 0; i < found.Length; i++)
                {
                    if (found[i].IsNone)
                    {
                        continue;
                    }

                    // The pin comes first, then the look whether the pack still counts (invariant 18).
                    _pins.Add(found[i].Pack);
                    if (_context.Packs.Packs.Hold(found[i]))
                    {
                        bitmap[i >> 3] |= (byte)(1 << (i & 7));
                    }
                    else
                    {
                        count--;
                    }
                }
            }

            return count;
        }
        finally
        {
            ArrayPool<IndexEntry>.Shared.Return(entries);
        }
    }

    /// <summary>Opens a stream of frames, one for each connection.</summary>
    public FrameStream OpenFrameStream()
    {
        _life.Use();
        var check = new FrameCheck(_context.Packs.Keys, _context.Packs.Options.VerifyChunkDigests, _context.Parameters.Chunker.MaximumSize);
        var stream = new FrameStream(this, check);
        lock (_gate)
        {
            _streams.Add(stream);
        }

        return stream;
    }

    /// <summary>
    /// Journals finished pages for later attempts (invariant 8): flushes what this session appended, checks that each page and all its
    /// chunks are durable, writes the journal. Durable on return, idempotent. Batches of some seconds keep the flushes few.
    /// </summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.MissingFrames"/> lists what is not there; no page of the batch was accepted.</exception>
    public async Task CompletePagesAsync(ReadOnlyMemory<PageDigest> pages, CancellationToken cancellationToken)
    {
        _life.Use();
        await FlushAsync(cancellationToken);
        using (var auditor = new MapAuditor(_context.Packs.Index, _context.Reader, _context.Packs.Keys))
        {
            await auditor.CheckPagesAsync(pages, DiskSize, cancellationToken);
            auditor.Missing.ThrowIfAny($"pages of task {TaskId}");
        }

        await JournalAsync(() => _journal.AppendPagesAsync(pages, CancellationToken.None), cancellationToken);
    }

    /// <summary>Journals the root of the finished disk. Durable on return, idempotent. The commit proves all below it.</summary>
    /// <exception cref="RepositoryException">The root does not fit the disk's size, or its top node is missing.</exception>
    public async Task CompleteDiskAsync(DiskRoot root, CancellationToken cancellationToken)
    {
        _life.Use();
        root.Validate();
        if (root.DiskSize != DiskSize)
        {
            throw RepositoryException.Invalid($"disk root {root.Digest}: for {root.DiskSize} bytes, the session's disk has {DiskSize}");
        }

        await FlushAsync(cancellationToken);
        if (!root.Digest.IsZero && !_context.Packs.Index.TryFind(root.Digest, out _))
        {
            throw RepositoryException.Missing($"disk root of task {TaskId}: {root.Digest} is in no live pack", [root.Digest], 1);
        }

        await JournalAsync(() => _journal.AppendRootAsync(root, CancellationToken.None), cancellationToken);
    }

    /// <summary>Map pages and nodes, for building on the base. Chunks are refused: a writer may not read data.</summary>
    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken)
    {
        _life.Use();
        return _context.Reader.FetchAsync(digests, static kind => kind is FrameKind.MapPage or FrameKind.MapNode, cancellationToken);
    }

    /// <summary>Ends the session and its streams.</summary>
    public async ValueTask DisposeAsync() => await EndAsync(RepositoryError.SessionEnded, "it was closed");

    /// <summary>Ends the session. On return it changes nothing any more, however it was ended first.</summary>
    internal async Task EndAsync(RepositoryError error, string why)
    {
        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _closed, closed, null) is { } other)
        {
            await other.Task;
            return;
        }

        try
        {
            _life.TryEnd(error, why);
            await _life.SignalAsync();
            await CloseAsync();
        }
        finally
        {
            _onEnd(this);
            closed.SetResult();
        }
    }

    internal void ThrowIfEnded() => _life.Use();

    internal void Remove(FrameStream stream)
    {
        lock (_gate)
        {
            _streams.Remove(stream);
        }
    }

    /// <summary>Tells a round of garbage collection that has begun what this session relies on already.</summary>
    internal void TouchPins()
    {
        lock (_gate)
        {
            foreach (var pack in _pins)
            {
                _context.Packs.Packs.Touch(pack);
            }
        }
    }

    /// <summary>Appends the frames the repository does not have; the others are skipped and their packs pinned.</summary>
    internal async ValueTask StoreAsync(ReadOnlyMemory<byte> buffer, List<FramePart> parts, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            _life.Use();
            var skip = ArrayPool<bool>.Shared.Rent(parts.Count);
            try
            {
                FindStored(parts, skip);
                await AppendAsync(buffer, parts, skip, cancellationToken);
            }
            finally
            {
                ArrayPool<bool>.Shared.Return(skip);
            }
        }
        finally
        {
            _writing.Release();
        }

        await HoldBackAsync(cancellationToken);
    }

    /// <summary>Has the listener told when everything appended so far is durable.</summary>
    internal async ValueTask MarkAsync(FrameStream stream, DurableAck mark, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            if (_writer is null)
            {
                ((IDurableListener)stream).OnDurable(mark);
            }
            else
            {
                _writer.Mark(stream, mark);
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    internal async Task FlushAsync(CancellationToken cancellationToken)
    {
        PackWriter? writer;
        await _writing.WaitAsync(cancellationToken);
        try
        {
            writer = _writer;
        }
        finally
        {
            _writing.Release();
        }

        if (writer is not null)
        {
            await writer.FlushAsync(cancellationToken);
        }
    }

    private async Task JournalAsync(Func<ValueTask> append, CancellationToken cancellationToken)
    {
        await _journaling.WaitAsync(cancellationToken);
        try
        {
            // Invariant 7: ending a session waits for this lock, so nothing is journaled after a fence has returned.
            _life.Use();
            await append();
            await _journal.FlushAsync(CancellationToken.None);
        }
        catch (RepositoryException exception) when (_life.Reason is null && exception.Error is RepositoryError.Unavailable or RepositoryError.NoSpace)
        {
            // Invariant 13: what the journal holds now is not known. The next session begins a new one from what reads back.
            _life.TryEnd(exception.Error, $"its journal failed: {exception.Message}");
            throw;
        }
        finally
        {
            _journaling.Release();
        }
    }

    private async Task CloseAsync()
    {
        FrameStream[] streams;
        lock (_gate)
        {
            streams = [.. _streams];
        }

        foreach (var stream in streams)
        {
            stream.OnFailed(_life.Reason!);
        }

        await _writing.WaitAsync(CancellationToken.None);
        if (_writer is { } writer)
        {
            _writer = null;
            _context.Pool.Return(writer);
        }

        _writing.Release();
        await _journaling.WaitAsync(CancellationToken.None);
        await _journal.DisposeAsync();
        _journaling.Release();
    }
}
