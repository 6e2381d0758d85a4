// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Repository.Store.Sessions;

namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>
/// Follows everything from its roots: points and journals. Memory: the live set, and one root per disk; of two maps of a disk only what differs
/// is followed twice.
/// </summary>
internal sealed class LivenessMarker(RecoveredState state, StoredFrameReader reader, ContentKeys keys, IStorageBackend storage, LiveSet live)
{
    private readonly Dictionary<(string Vm, string Disk), DiskRoot> _followed = [];
    private readonly HashSet<string> _points = new(StringComparer.Ordinal);
    private readonly HashSet<string> _gone = new(StringComparer.Ordinal);
    private readonly HashSet<string> _journals = new(StringComparer.Ordinal);

    public int Points => _points.Count;

    public int Journals => _journals.Count;

    /// <summary>Maps that cannot be followed: what is below them is not known, so nothing may be swept.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>
    /// Follows all there is, until there is nothing that was not followed. On return every point of the catalog, as it was at one moment during
    /// this call, has been followed (DESIGN.md, garbage collection).
    /// </summary>
    /// <param name="readManifest">Null for a point that was removed meanwhile.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task FollowAllAsync(Func<PointInfo, CancellationToken, Task<VmManifest?>> readManifest, CancellationToken cancellationToken)
    {
        // Journals first: one that goes away because its job is committed leaves a point behind, which is then found.
        while (await FollowJournalsAsync(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
        }

        while (true)
        {
            var left = state.Points.ListAll().FindAll(point => !_points.Contains(point.Path) && !_gone.Contains(point.Path));
            if (left.Count == 0)
            {
                return;
            }

            cancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
            foreach (var point in left)
            {
                await FollowPointAsync(point, readManifest, cancellationToken);
            }
        }
    }

    private async Task FollowPointAsync(
        PointInfo point, Func<PointInfo, CancellationToken, Task<VmManifest?>> readManifest, CancellationToken cancellationToken)
    {
        VmManifest? manifest;
        try
        {
            manifest = await readManifest(point, cancellationToken);
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.NewerFormat)
        {
            _points.Add(point.Path);
            var remedy = failure.Error == RepositoryError.NewerFormat ? "a newer Data Mover has written it and can collect" : "restore its manifest from a copy, or set it aside";
            Problems.Add($"point {point.PointId}: {failure.Message}; {remedy}");
            return;
        }

        if (manifest is null)
        {
            _gone.Add(point.Path); // removed, or never written
            return;
        }

        foreach (var blob in manifest.Blobs)
        {
            live.Add(blob.Digest);
        }

        foreach (var disk in manifest.Disks)
        {
            var key = (point.VmId, disk.DiskId);
            var before = _followed.TryGetValue(key, out var known) ? known : (DiskRoot?)null;
            await FollowAsync($"point {point.PointId}", auditor => auditor.CheckAsync(disk.Root, before, cancellationToken));
            _followed[key] = disk.Root;
        }

        _points.Add(point.Path);
    }

    /// <returns>True when something was new, so that another look is due.</returns>
    private async Task<bool> FollowJournalsAsync(CancellationToken cancellationToken)
    {
        var any = false;
        var names = new List<string>();
        await foreach (var item in storage.ListAsync(SessionJournal.Folder, cancellationToken))
        {
            if (SessionJournal.IsName(item.Name) && !_journals.Contains(item.Name))
            {
                names.Add(item.Name);
            }
        }

        foreach (var name in names)
        {
            any = true;
            if (await SessionJournal.ReadAsync(storage, name, cancellationToken) is { } journal)
            {
                await FollowJournalAsync(name, journal, cancellationToken);
            }

            _journals.Add(name);
        }

        return any;
    }

    private async Task FollowJournalAsync(string name, JournalContent journal, CancellationToken cancellationToken)
    {
        foreach (var pack in journal.Packs)
        {
            state.Packs.Touch(pack);
        }

        var count = MapGeometry.PageCount(journal.Begin.DiskSize);
        var pages = journal.Pages.Where(page => page.Key >= 0 && page.Key < count).Select(page => new PageDigest(page.Key, page.Value)).ToArray();
        await FollowAsync(name, auditor => auditor.CheckPagesAsync(pages, journal.Begin.DiskSize, cancellationToken), isAttempt: true);
        if (journal.Root is { } root)
        {
            await FollowAsync(name, auditor => auditor.CheckAsync(root, trusted: null, cancellationToken), isAttempt: true);
        }
    }

    // What an attempt misses it sends again: its journal hides nothing that a point needs.
    private async Task FollowAsync(string what, Func<MapAuditor, Task> follow, bool isAttempt = false)
    {
        var maps = 0L;
        try
        {
            await RepositoryStore.AuditAsync(async () =>
            {
                using var auditor = new MapAuditor(state.Index, reader, keys) { Reached = digest => live.Add(digest) };
                await follow(auditor);
                maps = auditor.MissingMaps;
            });
        }
        catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.InvalidArgument or RepositoryError.MissingFrames)
        {
            maps++;
        }

        if (maps > 0 && !isAttempt)
        {
            Problems.Add($"{what}: {maps} of its map pages or nodes are damaged or missing, so what they use is not known; back the VM up again to heal it, or remove the point");
        }
    }
}
