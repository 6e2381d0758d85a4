// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store;

/// <content>The commit of a point.</content>
public sealed partial class RepositoryStore
{
    /// <summary>Makes a restore point: one atomic step, idempotent by job id (invariants 1 and 10).</summary>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.MissingFrames"/> lists what is reachable from the roots and in no live pack; send it and commit again.
    /// <see cref="RepositoryError.AlreadyExists"/> when the point id belongs to another job.
    /// </exception>
    public async Task<CommitResult> CommitAsync(CommitRequest request, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        var manifest = request.Manifest;
        var point = PointNames.InfoOf(manifest);
        Validate(manifest);
        var stored = StoredForm(request, point);
        using var held = await _locks.EnterAsync("job " + manifest.JobId, cancellationToken);
        using var running = _commits.Enter();
        if (_state.Points.FindOfJob(manifest.JobId) is { } existing)
        {
            await RemoveJournalsAsync(manifest, cancellationToken);
            return new CommitResult(existing, AlreadyCommitted: true, PagesChecked: 0);
        }

        if (_state.Points.Find(manifest.PointId) is { } other)
        {
            throw new RepositoryException(RepositoryError.AlreadyExists, $"point {manifest.PointId}: made by job {other.JobId}; choose another id");
        }

        // Base points stay until this one is listed: what both share is reached by one of them at any time (invariant 18).
        var bases = PinBases(manifest);
        long pages;
        try
        {
            pages = await ProveAndWriteAsync(request, point, stored, bases, cancellationToken);
        }
        finally
        {
            bases.ForEach(_state.Points.Unpin);
        }

        Log.PointCommitted(_logger, point.PointId, point.VmId, point.JobId, pages);
        await RemoveJournalsAsync(manifest, cancellationToken);
        return new CommitResult(point, AlreadyCommitted: false, pages);
    }

    private List<string> PinBases(VmManifest manifest) =>
    [
        .. manifest.Disks.Select(disk => disk.BasePointId).OfType<string>().Distinct(StringComparer.Ordinal).Where(id => _state.Points.Pin(id) is not null),
    ];

    private async Task<long> ProveAndWriteAsync(
        CommitRequest request, PointInfo point, ReadOnlyMemory<byte> stored, List<string> bases, CancellationToken cancellationToken)
    {
        await StoreMetadataAsync(request.MetadataFrames, cancellationToken);
        await _context.Pool.FlushAllAsync(cancellationToken);
        var pages = 0L;
        await AuditAsync(async () => pages = await ProveAsync(request.Manifest, bases, cancellationToken));
        await _state.Index.WriteTableAsync(cancellationToken);
        var lockedUntil = await LockNewPointAsync(request.Manifest, cancellationToken);
        await WritePointAsync(point, stored);
        if (lockedUntil is { } until)
        {
            await ProtectObjectAsync(point.Path, until, CancellationToken.None);
        }

        return pages;
    }

    private static void Validate(VmManifest manifest)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var disk in manifest.Disks)
        {
            disk.Root.Validate();
            if (string.IsNullOrEmpty(disk.DiskId) || !ids.Add(disk.DiskId))
            {
                throw RepositoryException.Invalid($"manifest of job {manifest.JobId}: disk id '{disk.DiskId}' is empty or there twice");
            }

            if (disk.TaskId is not null)
            {
                StorageNames.RequireId(disk.TaskId, $"task id of disk {disk.DiskId}");
            }
        }
    }

    /// <summary>What is written: only who has the key of an encrypted repository can make it, so it comes with the request.</summary>
    private ReadOnlyMemory<byte> StoredForm(CommitRequest request, PointInfo point)
    {
        if (request.StoredManifest is not { } stored)
        {
            return !Keys.IsEncrypted
                ? ManifestCodec.Write(request.Manifest, Keys)
                : throw RepositoryException.Invalid($"commit of job {point.JobId}: the repository is encrypted, so the manifest must come in its stored, authenticated form");
        }

        return PointNames.InfoOf(ManifestCodec.Read($"manifest of job {point.JobId}", stored.Span, Keys)) == point
            ? stored
            : throw RepositoryException.Invalid($"commit of job {point.JobId}: the stored form of the manifest is of another point");
    }

    private async Task StoreMetadataAsync(IReadOnlyList<ReadOnlyMemory<byte>> frames, CancellationToken cancellationToken)
    {
        if (frames.Count == 0)
        {
            return;
        }

        using var check = new FrameCheck(Keys, verifyChunks: true, Parameters.Chunker.MaximumSize);
        var writer = await _context.Pool.AcquireAsync(cancellationToken);
        try
        {
            foreach (var frame in frames)
            {
                var header = FrameHeader.Read(frame.Span);
                if (header.Kind != FrameKind.Metadata || header.FrameLength != frame.Length)
                {
                    throw RepositoryException.Invalid($"metadata frame {header.Digest}: it is a {header.Kind} of {header.FrameLength} bytes in {frame.Length}");
                }

                check.Check(frame.Span, header);
                if ((_state.Index.TryFind(header.Digest, out var known) && _state.Packs.Hold(known)) || writer.IsPending(header.Digest))
                {
                    continue;
                }

                if (!writer.HasRoom(frame.Length, 1))
                {
                    var full = writer;
                    writer = await _context.Pool.AcquireAsync(frame.Length, cancellationToken);
                    await _context.Pool.RetireAsync(full, cancellationToken);
                }

                _state.Packs.Touch(writer.Number);
                await writer.AppendAsync(frame, [new FramePart(0, header)], 0, 1, cancellationToken);
            }

            await writer.FlushAsync(cancellationToken);
        }
        finally
        {
            _context.Pool.Return(writer);
        }
    }

    /// <summary>Write order, step 4: all that is reachable is in live packs.</summary>
    private async Task<long> ProveAsync(VmManifest manifest, List<string> bases, CancellationToken cancellationToken)
    {
        using var auditor = new MapAuditor(_state.Index, _context.Reader, Keys) { Hold = _state.Packs.Hold };
        foreach (var disk in manifest.Disks)
        {
            await auditor.CheckAsync(disk.Root, await FindTrustedAsync(disk, bases, cancellationToken), cancellationToken);
        }

        foreach (var blob in manifest.Blobs)
        {
            if (!_state.Index.TryFind(blob.Digest, out var entry) || entry.Kind != FrameKind.Metadata || !_state.Packs.Hold(entry))
            {
                auditor.Missing.Add(blob.Digest);
            }
        }

        if (auditor.Missing.Count > 0)
        {
            // The next session looks through its base and finds what is gone: else the same would be missing again.
            _state.Packs.NoteMissing();
        }

        auditor.Missing.ThrowIfAny($"commit of job {manifest.JobId}");
        return auditor.PagesChecked;
    }

    /// <summary>The map of the base point, when this commit has pinned it and nothing is known to be damaged.</summary>
    private async Task<DiskRoot?> FindTrustedAsync(ManifestDisk disk, List<string> bases, CancellationToken cancellationToken)
    {
        // One that came into the catalog after the pins were taken may leave it before this point is listed.
        if (disk.BasePointId is null || _state.Packs.HasDamage || !bases.Contains(disk.BasePointId))
        {
            return null;
        }

        VmManifest manifest;
        try
        {
            manifest = await ReadManifestAsync(disk.BasePointId, cancellationToken);
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.NotFound)
        {
            return null; // removed at this moment: the whole map is looked at
        }

        foreach (var candidate in manifest.Disks)
        {
            if (candidate.DiskId == disk.DiskId)
            {
                return candidate.Root;
            }
        }

        return null;
    }

    private async Task WritePointAsync(PointInfo point, ReadOnlyMemory<byte> stored)
    {
        bool isNew;
        try
        {
            // Once begun it is seen through: whether a cancelled write happened would not be known.
            isNew = await _storage.PutAsync(point.Path, stored, StoragePutMode.CreateOnly, CancellationToken.None);
        }
        catch
        {
            // Its manifest may be there all the same, and the next opening would list it.
            _state.Points.Doubt(point);
            throw;
        }

        if (!isNew)
        {
            throw new RepositoryException(RepositoryError.AlreadyExists, $"{point.Path}: it exists, though no such point was known; open the repository again");
        }

        _state.Points.Add(point);
    }

    /// <summary>Write order, step 7. The point stands whatever happens here; what stays is removed by the next session or commit of the task.</summary>
    private async Task RemoveJournalsAsync(VmManifest manifest, CancellationToken cancellationToken)
    {
        foreach (var disk in manifest.Disks)
        {
            if (disk.TaskId is not { } task)
            {
                continue;
            }

            try
            {
                using var held = await _locks.EnterAsync(task, cancellationToken);
                if (_taskSessions.TryGetValue(task, out var session))
                {
                    await session.EndAsync(RepositoryError.SessionEnded, $"its job {manifest.JobId} was committed");
                }

                foreach (var name in await SessionJournal.ListAsync(_storage, task, cancellationToken))
                {
                    await _storage.DeleteAsync(name, cancellationToken);
                }
            }
            catch (Exception exception) when (exception is RepositoryException or OperationCanceledException)
            {
                Log.JournalNotRemoved(_logger, task, exception.Message);
            }
        }
    }
}
