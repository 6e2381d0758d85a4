// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Where every durable frame is: memory table, then runs, newest first (DESIGN.md, index run). Safe for concurrent use.</summary>
internal sealed partial class DigestIndex : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly IStorageBackend _storage;
    private readonly Func<IndexEntry, bool> _isUsable;
    private readonly RepositoryStoreOptions _options;
    private readonly ILogger _logger;

    // One table write and one merge at a time: a commit needs the first and must not wait for the second, which can take minutes.
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly SemaphoreSlim _merging = new(1, 1);
    private MemoryTable _table = new();
    private MemoryTable? _frozen;

    // Oldest first.
    private IndexRun[] _runs;
    private long _nextSequence;

    /// <param name="storage">Where the runs are.</param>
    /// <param name="runs">The runs that are valid, oldest first; owned from now on.</param>
    /// <param name="isUsable">Whether an entry's pack is live and its place not quarantined (invariant 6).</param>
    /// <param name="options">Bounds.</param>
    /// <param name="logger">For what went wrong aside.</param>
    /// <param name="highestSequence">The highest sequence number ever seen in a name, valid or not.</param>
    public DigestIndex(
        IStorageBackend storage,
        IReadOnlyList<IndexRun> runs,
        Func<IndexEntry, bool> isUsable,
        RepositoryStoreOptions options,
        ILogger logger,
        long highestSequence)
    {
        _storage = storage;
        _runs = [.. runs];
        _isUsable = isUsable;
        _options = options;
        _logger = logger;
        _nextSequence = highestSequence + 1;
    }

    /// <summary>Called after each run that was written: whoever merges beside looks whether there is something to do.</summary>
    public Action? OnRunWritten { get; set; }

    public int RunCount
    {
        get
        {
            lock (_gate)
            {
                return _runs.Length;
            }
        }
    }

    /// <summary>Runs, entries, plain and stored bytes.</summary>
    public (int Runs, long Entries, long Plain, long Stored) Totals()
    {
        lock (_gate)
        {
            var (entries, plain, stored) = (0L, 0L, 0L);
            foreach (var run in _runs)
            {
                entries += run.Count;
                plain += run.Format.PlainBytes;
                stored += run.Format.StoredBytes;
            }

            entries += _table.Count + (_frozen?.Count ?? 0);
            plain += _table.PlainBytes + (_frozen?.PlainBytes ?? 0);
            stored += _table.StoredBytes + (_frozen?.StoredBytes ?? 0);
            return (_runs.Length, entries, plain, stored);
        }
    }

    /// <summary>Enters frames that have become durable, and which bytes of their pack they are all of.</summary>
    public void Add(ReadOnlySpan<IndexEntry> entries, PackCoverage coverage)
    {
        lock (_gate)
        {
            foreach (ref readonly var entry in entries)
            {
                _table.Put(entry);
            }

            PackCoverage.Add(_table.Coverage, coverage);
        }
    }

    /// <summary>Looks digests up.</summary>
    /// <param name="digests">What to find.</param>
    /// <param name="found">For each the newest usable entry, or <see cref="IndexEntry.IsNone"/>.</param>
    /// <returns>How many were found.</returns>
    public int Find(ReadOnlySpan<ChunkDigest> digests, Span<IndexEntry> found) => Find(digests, found, _isUsable);

    /// <summary>Looks digests up by another measure of what is usable.</summary>
    public int Find(ReadOnlySpan<ChunkDigest> digests, Span<IndexEntry> found, Func<IndexEntry, bool> isUsable)
    {
        var runs = FindInMemory(digests, found, isUsable);
        try
        {
            var count = 0;
            for (var i = 0; i < digests.Length; i++)
            {
                if (found[i].IsNone)
                {
                    FindInRuns(runs, digests[i], isUsable, out found[i]);
                }

                count += found[i].IsNone ? 0 : 1;
            }

            return count;
        }
        finally
        {
            foreach (var run in runs)
            {
                run.Release();
            }
        }
    }

    public bool TryFind(in ChunkDigest digest, out IndexEntry entry)
    {
        Span<IndexEntry> found = [default];
        Find([digest], found);
        entry = found[0];
        return !entry.IsNone;
    }

    /// <summary>The newest entry, also of a place that is not usable any more: what is still known of a frame that is lost.</summary>
    public bool TryFindAny(in ChunkDigest digest, out IndexEntry entry)
    {
        IndexRun[] runs;
        lock (_gate)
        {
            if (_table.TryFind(digest, out entry) || (_frozen is not null && _frozen.TryFind(digest, out entry)))
            {
                return true;
            }

            runs = _runs;
            foreach (var run in runs)
            {
                run.TryAcquire();
            }
        }

        try
        {
            for (var i = runs.Length - 1; i >= 0; i--)
            {
                if (runs[i].TryFind(digest, out entry))
                {
                    return true;
                }
            }

            entry = default;
            return false;
        }
        finally
        {
            foreach (var run in runs)
            {
                run.Release();
            }
        }
    }

    /// <summary>Writes the memory table out when it has grown to its bound.</summary>
    public async Task WriteTableIfFullAsync(CancellationToken cancellationToken)
    {
        bool full;
        lock (_gate)
        {
            full = _table.Count >= _options.MemoryTableEntries;
        }

        if (full)
        {
            await WriteTableAsync(cancellationToken);
        }
    }

    /// <summary>Makes a run of what is in memory; after it, all that was entered before the call is in runs (write order, step 5).</summary>
    public async Task WriteTableAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            // A table whose write failed before comes first: runs are in the order of their entries. Then what is there now, and no more: others go on
            // entering frames, and would keep this call for ever.
            for (var tables = HasFrozen() ? 2 : 1; tables > 0 && Freeze() is { } table; tables--)
            {
                var coverage = PackCoverage.Normalise([.. table.Coverage]);
                using var writer = new RunWriter([new ArrayCursor(table.ToSortedArray())], _isUsable);
                await writer.WriteAsync(_storage, _nextSequence, _nextSequence, coverage, cancellationToken);
                var run = await IndexRun.OpenAsync(_storage, RunFormat.NameOf(_nextSequence, _nextSequence), cancellationToken);
                _nextSequence++;
                lock (_gate)
                {
                    _runs = [.. _runs, run];
                    _frozen = null;
                }

                OnRunWritten?.Invoke();
            }
        }
        finally
        {
            _writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _merging.WaitAsync(CancellationToken.None);
        await _writing.WaitAsync(CancellationToken.None);
        List<string> damaged;
        lock (_gate)
        {
            damaged = [.. _runs.Where(static run => run.IsDamaged).Select(static run => run.Name)];
            foreach (var run in _runs)
            {
                run.Release();
            }

            _runs = [];
        }

        await RemoveAsync(damaged);
        _merging.Dispose();
        _writing.Dispose();
    }

    private IndexRun[] FindInMemory(ReadOnlySpan<ChunkDigest> digests, Span<IndexEntry> found, Func<IndexEntry, bool> isUsable)
    {
        lock (_gate)
        {
            for (var i = 0; i < digests.Length; i++)
            {
                var hit = _table.TryFind(digests[i], out var entry) && isUsable(entry);
                hit = hit || (_frozen is not null && _frozen.TryFind(digests[i], out entry) && isUsable(entry));
                found[i] = hit ? entry : default;
            }

            foreach (var run in _runs)
            {
                run.TryAcquire();
            }

            return _runs;
        }
    }

    private static void FindInRuns(IndexRun[] runs, in ChunkDigest digest, Func<IndexEntry, bool> isUsable, out IndexEntry entry)
    {
        for (var i = runs.Length - 1; i >= 0; i--)
        {
            if (runs[i].TryFind(digest, out entry) && isUsable(entry))
            {
                return;
            }
        }

        entry = default;
    }

    private bool HasFrozen()
    {
        lock (_gate)
        {
            return _frozen is not null;
        }
    }

    private MemoryTable? Freeze()
    {
        lock (_gate)
        {
            if (_frozen is null && !_table.IsEmpty)
            {
                _frozen = _table;
                _table = new MemoryTable();
            }

            return _frozen;
        }
    }

    /// <summary>What they covered is read from the packs by the next opening.</summary>
    private async Task RemoveAsync(List<string> damaged)
    {
        foreach (var name in damaged)
        {
            try
            {
                await _storage.DeleteAsync(name, CancellationToken.None);
            }
            catch (RepositoryException)
            {
                // A later merge finds it again.
            }
        }
    }
}
