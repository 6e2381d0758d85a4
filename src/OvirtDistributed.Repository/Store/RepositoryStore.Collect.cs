// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <content>Garbage collection (DESIGN.md, garbage collection).</content>
public sealed partial class RepositoryStore
{
    private readonly SemaphoreSlim _collecting = new(1, 1);

    /// <summary>
    /// Finds what no point reaches any more and gives its space back, beside running sessions and commits. What it did until it is cancelled or the
    /// process ends stays done; the next round goes on from there.
    /// </summary>
    /// <param name="options">How.</param>
    /// <param name="progress">Packs looked at, and how many there are; may be null.</param>
    /// <param name="cancellationToken">Gives up between two packs.</param>
    /// <exception cref="RepositoryException">
    /// <see cref="RepositoryError.Busy"/> while another round runs; the storage's failures. Damage is no exception: nothing is swept then, and the report says why.
    /// </exception>
    public async Task<GcReport> CollectAsync(GcOptions options, IProgress<(int Done, int All)>? progress, CancellationToken cancellationToken)
    {
        ThrowIfClosed();
        options.Validate();
        if (!await _collecting.WaitAsync(TimeSpan.Zero, CancellationToken.None))
        {
            throw new RepositoryException(RepositoryError.Busy, "garbage collection: a round is running; wait for it");
        }

        try
        {
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _closing.Token);
            return await CollectLockedAsync(options, progress, ends.Token);
        }
        finally
        {
            _state.Packs.EndRound();
            _collecting.Release();
        }
    }

    private async Task<GcReport> CollectLockedAsync(GcOptions options, IProgress<(int Done, int All)>? progress, CancellationToken cancellationToken)
    {
        await InspectPacksAsync(cancellationToken);
        var removed = options.DryRun ? (Packs: 0, Bytes: 0L) : await RemoveDoomedAsync(options.Grace, cancellationToken);
        var live = new LiveSet(_state.Index.Totals().Entries, options.MarkBytes);
        var marker = new LivenessMarker(_state, _context.Reader, Keys, _storage, live);
        var sweeper = new PackSweeper(_storage, _context.Packs, _context.Pool, _context.Reader, live, options);
        if (await sweeper.ProveIndexAsync(cancellationToken))
        {
            await FollowAndSweepAsync(marker, sweeper, options.DryRun, progress, cancellationToken);
        }

        if (!options.DryRun)
        {
            await _state.Index.WriteTableAsync(cancellationToken);
            var late = await RemoveDoomedAsync(options.Grace, cancellationToken);
            removed = (removed.Packs + late.Packs, removed.Bytes + late.Bytes);
            await RenewLocksAsync(cancellationToken);
        }

        var waiting = _state.Packs.Doomed();
        var report = sweeper.Report with
        {
            DryRun = options.DryRun,
            Points = marker.Points,
            Journals = marker.Journals,
            RemovedPacks = removed.Packs,
            RemovedBytes = removed.Bytes,
            WaitingPacks = waiting.Count,
            WaitingBytes = waiting.Sum(pack => _state.Packs.LengthOf(pack.Pack)),
            Problems = [.. marker.Problems, .. sweeper.Problems],
        };
        Tell(report);
        _lastCollection = new CollectionOutcome(_context.TimeProvider.GetUtcNow(), report.Problems);
        return report;
    }

    private async Task FollowAndSweepAsync(
        LivenessMarker marker, PackSweeper sweeper, bool dryRun, IProgress<(int Done, int All)>? progress, CancellationToken cancellationToken)
    {
        var candidates = await BeginRoundAsync(dryRun, cancellationToken);
        await marker.FollowAllAsync(FindManifestAsync, cancellationToken);
        for (var i = 0; i < candidates.Count && marker.Problems.Count == 0; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await sweeper.SweepAsync(candidates[i], cancellationToken);
            progress?.Report((i + 1, candidates.Count));
        }

        await sweeper.MergeSmallAsync(cancellationToken);
    }

    private void Tell(GcReport report)
    {
        Log.Collected(_logger, report.Packs, report.DeadPacks, report.RewrittenPacks, report.BusyPacks, report.RemovedPacks, report.RemovedBytes);
        foreach (var problem in report.Problems)
        {
            Log.ProblemFound(_logger, problem);
        }
    }

    /// <summary>The packs that may be swept: sealed before the round, and not used by anything that is under way.</summary>
    private async Task<List<uint>> BeginRoundAsync(bool dryRun, CancellationToken cancellationToken)
    {
        if (!dryRun)
        {
            await _context.Pool.SealIdleAsync(cancellationToken);
        }

        // From here on every use of a pack is noted; then what was used before by those who are still at it.
        _state.Packs.BeginRound();
        await _commits.WaitForRunningAsync(cancellationToken);
        foreach (var session in _writeSessions.Values)
        {
            session.TouchPins();
        }

        // The packs first, then which of them are open: one that is created in between is not among them.
        var packs = _state.Packs.Numbers();
        var open = _context.Pool.OpenNumbers();
        return packs.FindAll(pack => !open.Contains(pack) && !_state.Packs.IsDoomed(pack));
    }

    private async Task<VmManifest?> FindManifestAsync(PointInfo point, CancellationToken cancellationToken)
    {
        // By its name, not by the catalog: a point that is being removed is a root until its manifest is gone.
        if (await RepositoryFile.ReadTextAsync(_storage, point.Path, cancellationToken) is { } content)
        {
            return ManifestCodec.Read(point.Path, content, Keys);
        }

        return _state.Points.Find(point.PointId)?.Path != point.Path ? null : throw RepositoryException.Damaged($"{point.Path}: it is gone");
    }

    /// <summary>Deletes the packs whose grace is over.</summary>
    private async Task<(int Packs, long Bytes)> RemoveDoomedAsync(TimeSpan grace, CancellationToken cancellationToken)
    {
        var (packs, bytes) = (0, 0L);
        var now = _context.TimeProvider.GetUtcNow();
        foreach (var (pack, since) in _state.Packs.Doomed())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (now - since < grace)
            {
                continue;
            }

            try
            {
                await _storage.DeleteAsync(PackFormat.NameOf(pack), CancellationToken.None);
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.PointLocked)
            {
                continue; // the storage protects it longer than any point needs it: it waits
            }

            _readers.Forget(pack);
            bytes += _state.Packs.LengthOf(pack);
            packs++;
            _state.Packs.Remove(pack); // its tombstone stays: it tells a pack that was collected from one that was lost
        }

        return (packs, bytes);
    }
}
