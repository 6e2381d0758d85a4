// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>Sessions and fences.</content>
public sealed partial class RepositoryStore
{
    private const string FenceFormat = "fence";

    /// <summary>Opens a session for one attempt at one disk. An open session of the task with the same or a lower token ends.</summary>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.Fenced"/>; <see cref="RepositoryError.NotFound"/> when the base point or its disk is not there.
    /// </exception>
    public async Task<WriteSession> OpenWriteSessionAsync(WriteSessionRequest request, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        Validate(request);
        await InspectPacksNowAndThenAsync(cancellationToken);
        using var held = await _locks.EnterAsync(request.TaskId, cancellationToken);
        await TakeTokenAsync(request.TaskId, request.FencingToken, cancellationToken);
        if (_taskSessions.TryGetValue(request.TaskId, out var open))
        {
            await open.EndAsync(RepositoryError.Fenced, $"a session with token {request.FencingToken} was opened");
        }

        // The pin comes before the look: the point cannot go away in between.
        var pinned = request.BasePointId is null ? null : _state.Points.Pin(request.BasePointId) ?? throw PointNotFound(request.BasePointId);
        try
        {
            var start = await StartAsync(request, cancellationToken);
            var session = new WriteSession(_context, request, start, OnWriteSessionEnd);
            _writeSessions[session.Id] = session;
            _taskSessions[request.TaskId] = session;
            return session;
        }
        catch when (pinned is not null)
        {
            _state.Points.Unpin(pinned.PointId);
            throw;
        }
    }

    /// <summary>The open session of this id, or null.</summary>
    public WriteSession? FindWriteSession(Guid sessionId) => _writeSessions.GetValueOrDefault(sessionId);

    /// <summary>Opens a session that reads one point.</summary>
    /// <exception cref="RepositoryException"><see cref="RepositoryError.NotFound"/>.</exception>
    public async Task<ReadSession> OpenReadSessionAsync(string pointId, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var point = _state.Points.Pin(pointId) ?? throw PointNotFound(pointId);
        try
        {
            var session = new ReadSession(_context, point, await ReadManifestAsync(pointId, cancellationToken), OnReadSessionEnd);
            _readSessions[session.Id] = session;
            return session;
        }
        catch
        {
            _state.Points.Unpin(pointId);
            throw;
        }
    }

    /// <summary>The open session of this id, or null.</summary>
    public ReadSession? FindReadSession(Guid sessionId) => _readSessions.GetValueOrDefault(sessionId);

    /// <summary>
    /// Refuses, from now on and for ever, every token of the task below <paramref name="token"/> (invariant 7). Durable on return,
    /// idempotent; open sessions with lower tokens have ended and will change nothing any more.
    /// </summary>
    public async Task FenceAsync(string taskId, long token, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        StorageNames.RequireId(taskId, "task id");
        using var held = await _locks.EnterAsync(taskId, cancellationToken);
        if (token > await ReadFenceAsync(taskId, cancellationToken))
        {
            await WriteFenceAsync(taskId, token, cancellationToken);
            Log.TaskFenced(_logger, taskId, token);
        }

        if (_taskSessions.TryGetValue(taskId, out var session) && session.FencingToken < token)
        {
            await session.EndAsync(RepositoryError.Fenced, $"the task is fenced below token {token}");
        }
    }

    private static void Validate(WriteSessionRequest request)
    {
        StorageNames.RequireId(request.TaskId, "task id");
        MapGeometry.CheckSize(request.DiskSize);
        if (request.FencingToken < 0)
        {
            throw RepositoryException.Invalid($"fencing token: {request.FencingToken}, must not be negative");
        }

        if (string.IsNullOrEmpty(request.EngineBackupId))
        {
            throw RepositoryException.Invalid("engine backup id: must not be empty");
        }

        if (request.BasePointId is null != request.BaseDiskId is null)
        {
            throw RepositoryException.Invalid("base: point and disk must be given together");
        }
    }

    private async Task TakeTokenAsync(string taskId, long token, CancellationToken cancellationToken)
    {
        var fence = await ReadFenceAsync(taskId, cancellationToken);
        if (token < fence)
        {
            throw new RepositoryException(RepositoryError.Fenced, $"task {taskId}: token {token} is below {fence}; another attempt has the task");
        }

        if (token > fence)
        {
            await WriteFenceAsync(taskId, token, cancellationToken);
        }
    }

    private async Task<long> ReadFenceAsync(string taskId, CancellationToken cancellationToken)
    {
        var name = FenceName(taskId);
        var content = await RepositoryFile.ReadTextAsync(_storage, name, cancellationToken);
        return content is null ? -1 : TextEnvelope.Read(name, content, FenceFormat, RepositoryJson.Default.FenceRecord).Token;
    }

    private Task<bool> WriteFenceAsync(string taskId, long token, CancellationToken cancellationToken)
    {
        var content = TextEnvelope.Write(FenceFormat, new FenceRecord(taskId, token), RepositoryJson.Default.FenceRecord);
        return _storage.PutAsync(FenceName(taskId), content, StoragePutMode.Replace, cancellationToken);
    }

    private static string FenceName(string taskId) => $"{SessionJournal.FolderOf(taskId)}/fence.json";

    private async Task<WriteSessionStart> StartAsync(WriteSessionRequest request, CancellationToken cancellationToken)
    {
        var disk = request.BasePointId is null ? null : await FindBaseAsync(request, cancellationToken);
        var root = disk?.Root;
        var begin = new JournalBegin
        {
            TaskId = request.TaskId,
            EngineBackupId = request.EngineBackupId,
            DiskSize = request.DiskSize,
            Base = root,
            BasePointId = request.BasePointId,
        };
        var old = await SessionJournal.ListAsync(_storage, request.TaskId, cancellationToken);
        var pages = await KeepWholeAsync(await ReadPagesAsync(old, begin, cancellationToken), request.DiskSize, cancellationToken);
        var damaged = root is { } map ? await FindDamageAsync(map, cancellationToken) : [];
        var rewrites = disk is not null && request.WantsRewrites ? await FindRewritesAsync(disk, cancellationToken) : [];
        var name = SessionJournal.NewName(request.TaskId, request.FencingToken, old);
        var journal = await SessionJournal.BeginAsync(_storage, name, begin, pages, cancellationToken);
        foreach (var journalName in old)
        {
            await _storage.DeleteAsync(journalName, cancellationToken);
        }

        return new WriteSessionStart { Journal = journal, Base = root, Pages = pages, DamagedRanges = damaged, RewriteRanges = rewrites };
    }

    private async Task<ManifestDisk> FindBaseAsync(WriteSessionRequest request, CancellationToken cancellationToken)
    {
        var manifest = await ReadManifestAsync(request.BasePointId!, cancellationToken);
        foreach (var disk in manifest.Disks)
        {
            if (disk.DiskId == request.BaseDiskId)
            {
                return disk;
            }
        }

        throw new RepositoryException(RepositoryError.NotFound, $"base: point {request.BasePointId} has no disk {request.BaseDiskId}");
    }

    /// <summary>The pages of earlier attempts at the same backup on the same base (invariant 8).</summary>
    private async Task<List<PageDigest>> ReadPagesAsync(List<string> journals, JournalBegin begin, CancellationToken cancellationToken)
    {
        var pages = new SortedDictionary<long, ChunkDigest>();
        foreach (var name in journals)
        {
            var content = await SessionJournal.ReadAsync(_storage, name, cancellationToken);
            var same = content is not null && content.Begin.EngineBackupId == begin.EngineBackupId
                && content.Begin.DiskSize == begin.DiskSize && content.Begin.Base == begin.Base;
            foreach (var (index, digest) in same ? content!.Pages : [])
            {
                if (index >= 0 && index < MapGeometry.PageCount(begin.DiskSize))
                {
                    pages[index] = digest;
                }
            }
        }

        return [.. pages.Select(page => new PageDigest(page.Key, page.Value))];
    }

    /// <summary>The pages of which everything is still there: what was lost since they were journaled is read again (invariant 8).</summary>
    private async Task<List<PageDigest>> KeepWholeAsync(List<PageDigest> pages, long diskSize, CancellationToken cancellationToken)
    {
        var lost = new HashSet<long>();
        await AuditAsync(
            async () =>
            {
                lost.Clear();
                using var auditor = new MapAuditor(_state.Index, _context.Reader, Keys) { Damaged = range => lost.Add(range.Offset / MapGeometry.PageBytes) };
                await auditor.CheckPagesAsync(pages.ToArray(), diskSize, cancellationToken);
            });
        return lost.Count == 0 ? pages : pages.FindAll(page => !lost.Contains(page.PageIndex));
    }

    /// <summary>Ranges of a committed map that cannot be read. Nothing is looked at while no frame is known to be damaged.</summary>
    private async Task<List<DiskRange>> FindDamageAsync(DiskRoot root, CancellationToken cancellationToken)
    {
        var damaged = new List<DiskRange>();
        if (_state.Packs.HasDamage)
        {
            await AuditAsync(
                async () =>
                {
                    damaged.Clear();
                    using var auditor = new MapAuditor(_state.Index, _context.Reader, Keys) { Damaged = damaged.Add };
                    await auditor.CheckAsync(root, trusted: null, cancellationToken);
                });
        }

        return damaged;
    }

    /// <summary>Looks again when a map turned out to be damaged on the way: its frame is quarantined by then, so the next look sees it as missing.</summary>
    internal static async Task AuditAsync(Func<Task> audit)
    {
        const int Most = 20;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await audit();
                return;
            }
            catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged && attempt < Most)
            {
                // The frame was reported by the reader.
            }
        }
    }

    private void OnWriteSessionEnd(WriteSession session)
    {
        _writeSessions.TryRemove(session.Id, out _);
        _taskSessions.TryRemove(KeyValuePair.Create(session.TaskId, session));
        if (session.BasePointId is { } point)
        {
            _state.Points.Unpin(point);
        }
    }

    private void OnReadSessionEnd(ReadSession session)
    {
        _readSessions.TryRemove(session.Id, out _);
        _state.Points.Unpin(session.Point.PointId);
    }

    private async Task ExpireSessionsAsync()
    {
        var limit = _context.Packs.Options.SessionIdleTimeout;
        using var timer = new PeriodicTimer(limit / 4, _context.TimeProvider);
        while (await timer.WaitForNextTickAsync(_closing.Token))
        {
            foreach (var session in _writeSessions.Values)
            {
                if (session.Idle > limit)
                {
                    Log.SessionExpired(_logger, session.Idle, $"task {session.TaskId}, token {session.FencingToken}");
                    await session.EndAsync(RepositoryError.SessionEnded, $"nothing was heard for {limit}");
                }
            }

            foreach (var session in _readSessions.Values)
            {
                if (session.Idle > limit)
                {
                    Log.SessionExpired(_logger, session.Idle, $"reader of point {session.Point.PointId}");
                    await session.EndAsync(RepositoryError.SessionEnded, $"nothing was heard for {limit}");
                }
            }
        }
    }
}
