// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>How runs become fewer: neighbours of about one size are merged beside look-ups and writes.</summary>
internal sealed partial class DigestIndex
{
    /// <summary>Merges runs while there are too many of one size. Lookups and writes go on beside it; a failure leaves the runs as they are.</summary>
    public async Task MergeAsync(CancellationToken cancellationToken)
    {
        await _merging.WaitAsync(cancellationToken);
        try
        {
            for (var (first, count) = ChooseMerge(); count > 1; (first, count) = ChooseMerge())
            {
                if (AreProven(first, count))
                {
                    await MergeAsync(first, count, cancellationToken);
                }
            }
        }
        finally
        {
            _merging.Release();
        }
    }

    /// <summary>Until the result is disposed no run is written or merged.</summary>
    public async Task<IDisposable> KeepMergesOutAsync(CancellationToken cancellationToken)
    {
        await _merging.WaitAsync(cancellationToken);
        try
        {
            await _writing.WaitAsync(cancellationToken);
        }
        catch
        {
            _merging.Release();
            throw;
        }

        return new MergesKeptOut(_merging, _writing);
    }

    /// <summary>
    /// Checks all checksums of all runs, also of those that come while it does so. A run that does not hold is merged with nothing from then on, and
    /// rebuilt by the next opening.
    /// </summary>
    /// <param name="onRead">Awaited with the bytes read, once for each piece of up to 1 MiB: it may take its time.</param>
    /// <param name="cancellationToken">Gives up between two pieces.</param>
    /// <returns>What does not hold, by the names of the files; empty when everything does.</returns>
    public async Task<List<string>> ProveAsync(Func<int, Task> onRead, CancellationToken cancellationToken)
    {
        var faults = new List<string>();
        var proven = new HashSet<IndexRun>();
        while (AcquireOther(proven) is { } run)
        {
            proven.Add(run);
            var wasKnown = run.IsDamaged;
            try
            {
                foreach (var length in run.LookThrough())
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    await onRead(length);
                }
            }
            finally
            {
                run.Release();
            }

            if (run.Fault is { } fault)
            {
                faults.Add(fault);
                if (!wasKnown)
                {
                    Log.RunLeftOut(_logger, fault);
                }
            }
        }

        return faults;
    }

    private IndexRun? AcquireOther(HashSet<IndexRun> than)
    {
        lock (_gate)
        {
            var run = Array.Find(_runs, run => !than.Contains(run));
            run?.TryAcquire();
            return run;
        }
    }

    /// <summary>A damaged run stays where it is: the runs before it are merged apart from those behind it, so that newer ones still win.</summary>
    private (int First, int Count) ChooseMerge()
    {
        lock (_gate)
        {
            for (var first = 0; first < _runs.Length; first++)
            {
                var whole = _runs[first..].TakeWhile(static run => !run.IsDamaged).Select(static run => run.Count).ToArray();
                var (start, count) = whole.Length == 0 ? default : MergePolicy.Choose(whole, _options.RunsPerTier);
                if (count > 1)
                {
                    return (first + start, count);
                }

                first += whole.Length;
            }

            return default;
        }
    }

    private bool AreProven(int first, int count)
    {
        IndexRun[] runs;
        lock (_gate)
        {
            runs = _runs[first..(first + count)];
        }

        foreach (var run in runs)
        {
            if (!run.IsProven(out var fault))
            {
                Log.RunLeftOut(_logger, fault);
                return false;
            }
        }

        return true;
    }

    private async Task MergeAsync(int first, int count, CancellationToken cancellationToken)
    {
        IndexRun[] merged;
        lock (_gate)
        {
            merged = _runs[first..(first + count)];
        }

        var coverage = new List<PackCoverage>();
        foreach (var run in merged)
        {
            coverage.AddRange(run.ReadCoverage());
        }

        // A pack that is gone is not known any more once no run covers it.
        coverage.RemoveAll(covered => !_isUsable(new IndexEntry(default, covered.Pack, 0, 0, 0, default)));
        var (low, high) = (merged[0].Format.Low, merged[^1].Format.High);
        using var writer = new RunWriter([.. merged.Select(run => new RunCursor(run))], _isUsable);
        await writer.WriteAsync(_storage, low, high, PackCoverage.Normalise(coverage), cancellationToken);
        var result = await IndexRun.OpenAsync(_storage, RunFormat.NameOf(low, high), cancellationToken);
        lock (_gate)
        {
            // Newer runs may have come meanwhile; only merges take runs away, and this is the only one.
            _runs = [.. _runs[..first], result, .. _runs[(first + count)..]];
        }

        foreach (var run in merged)
        {
            run.Release();
            await _storage.DeleteAsync(run.Name, cancellationToken);
        }

        Log.RunsMerged(_logger, count, result.Count, result.Name);
    }

    private sealed class MergesKeptOut(SemaphoreSlim merging, SemaphoreSlim writing) : IDisposable
    {
        public void Dispose()
        {
            writing.Release();
            merging.Release();
        }
    }
}
