// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Immutability;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store;

/// <summary>Brings index, packs and points to a known state when a repository is opened (DESIGN.md, what a crash leaves).</summary>
internal sealed class Recovery
{
    private readonly IStorageBackend _storage;
    private readonly RepositoryParameters _parameters;
    private readonly RepositoryStoreOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly PackTable _packs = new();
    private readonly List<string> _problems = [];
    private readonly ContentKeys _keys;
    private long _highestSequence;
    private uint _highestPack;
    private long _quarantineSequence;
    private RecoveryReport _report = new();

    public Recovery(IStorageBackend storage, RepositoryParameters parameters, ContentKeys keys, RepositoryStoreOptions options, TimeProvider timeProvider, ILogger logger)
    {
        _storage = storage;
        _parameters = parameters;
        _keys = keys;
        _options = options;
        _timeProvider = timeProvider;
        _logger = logger;
    }

    public async Task<RecoveredState> RunAsync(CancellationToken cancellationToken)
    {
        var lengths = await ListPacksAsync(cancellationToken);
        var collected = await CollectedPacks.LoadAsync(_storage, _packs, _problems, cancellationToken);
        _quarantineSequence = await LoadQuarantineAsync(cancellationToken);
        var runs = await OpenRunsAsync(cancellationToken);
        var index = new DigestIndex(_storage, runs, _packs.IsUsable, _options, _logger, _highestSequence);
        try
        {
            var covered = Covered(runs);
            await collected.CompareAsync(covered.Keys, _problems, cancellationToken);
            await CatchUpAsync(index, covered, lengths, cancellationToken);
            var points = await LoadPointsAsync(cancellationToken);
            var numbers = await PackNumberAllocator.OpenAsync(_storage, _highestPack, _problems, cancellationToken);
            var locks = await PointLocks.LoadAsync(_storage, _problems, cancellationToken);
            var clock = await TrustedClock.OpenAsync(_storage, _timeProvider, locks.LatestSet, _problems, cancellationToken);
            return new RecoveredState(index, _packs, points, locks, clock, numbers, _quarantineSequence, _report with { Problems = _problems });
        }
        catch
        {
            // An opening is tried again and again: mappings that nobody ends would add up.
            await index.DisposeAsync();
            throw;
        }
    }

    private async Task<Dictionary<uint, long>> ListPacksAsync(CancellationToken cancellationToken)
    {
        var lengths = new Dictionary<uint, long>();
        await foreach (var item in _storage.ListAsync(PackFormat.Folder, cancellationToken))
        {
            var number = PackFormat.ParseName(item.Name);
            if (number != 0)
            {
                lengths[number] = item.Length;
                _packs.Set(number, item.Length);
                _highestPack = Math.Max(_highestPack, number);
            }
            else if (item.Name != PackFormat.NumbersName)
            {
                _problems.Add($"{item.Name}: it is no pack; left alone");
            }
        }

        return lengths;
    }

    private async Task<long> LoadQuarantineAsync(CancellationToken cancellationToken)
    {
        var highest = 0L;
        await foreach (var item in _storage.ListAsync(Quarantine.Folder, cancellationToken))
        {
            highest = Math.Max(highest, Quarantine.ParseName(item.Name));
            try
            {
                var content = await RepositoryFile.ReadTextAsync(_storage, item.Name, cancellationToken) ?? [];
                Quarantine.Apply(Quarantine.Read(item.Name, content).Items, _packs);
            }
            catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
            {
                _packs.NoteMissing(); // what it said is not known: no base is trusted unseen
                _problems.Add($"{exception.Message}; verify the repository again");
            }
        }

        return highest;
    }

    private async Task<List<IndexRun>> OpenRunsAsync(CancellationToken cancellationToken)
    {
        var ranges = new List<(long Low, long High)>();
        await foreach (var item in _storage.ListAsync(RunFormat.Folder, cancellationToken))
        {
            if (RunFormat.ParseName(item.Name) is { } range)
            {
                ranges.Add(range);
                _highestSequence = Math.Max(_highestSequence, range.High);
            }
        }

        // Widest first, so that a merged run is known before the left-overs inside it.
        ranges.Sort(static (a, b) => a.Low != b.Low ? a.Low.CompareTo(b.Low) : b.High.CompareTo(a.High));
        var runs = new List<IndexRun>();
        try
        {
            foreach (var (low, high) in ranges)
            {
                await OpenRunAsync(low, high, runs, cancellationToken);
            }

            return runs;
        }
        catch
        {
            runs.ForEach(static run => run.Release());
            throw;
        }
    }

    private async Task OpenRunAsync(long low, long high, List<IndexRun> runs, CancellationToken cancellationToken)
    {
        var name = RunFormat.NameOf(low, high);
        if (runs.Count > 0 && high <= runs[^1].Format.High)
        {
            await _storage.DeleteAsync(name, cancellationToken);
            return;
        }

        try
        {
            runs.Add(await IndexRun.OpenAsync(_storage, name, cancellationToken));
        }
        catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
        {
            // A cache: what it covered is read from the packs again (invariant 4).
            RepositoryStore.Log.RunDamaged(_logger, exception.Message);
            _report = _report with { DamagedRuns = _report.DamagedRuns + 1 };
            await _storage.DeleteAsync(name, cancellationToken);
        }
    }

    /// <summary>Up to where each pack is covered without a gap.</summary>
    private Dictionary<uint, uint> Covered(List<IndexRun> runs)
    {
        var all = new List<PackCoverage>();
        foreach (var run in runs)
        {
            all.AddRange(run.ReadCoverage());
        }

        var covered = new Dictionary<uint, uint>();
        foreach (var item in PackCoverage.Normalise(all))
        {
            _highestPack = Math.Max(_highestPack, item.Pack);
            if (item.From <= PackFormat.HeaderLength)
            {
                covered[item.Pack] = item.To;
            }
        }

        return covered;
    }

    private async Task CatchUpAsync(DigestIndex index, Dictionary<uint, uint> covered, Dictionary<uint, long> lengths, CancellationToken cancellationToken)
    {
        // Merged beside the reading, so that files and mappings stay few however many packs there are.
        var merging = Task.CompletedTask;
        index.OnRunWritten = () => merging = merging.IsCompleted ? MergeAsync(index, cancellationToken) : merging;
        try
        {
            foreach (var (number, length) in lengths.OrderBy(pack => pack.Key))
            {
                // What a dispensable pack holds counts as absent; entered, it would take the place of a copy in an older pack that counts.
                if (covered.GetValueOrDefault(number) != length && !_packs.IsDoomed(number))
                {
                    await CatchUpOrGiveUpAsync(index, number, covered.GetValueOrDefault(number), cancellationToken);
                }
            }

            if (_report.ReindexedPacks > 0)
            {
                await index.WriteTableAsync(cancellationToken);
            }
        }
        finally
        {
            index.OnRunWritten = null;
            await merging;
        }
    }

    private async Task CatchUpOrGiveUpAsync(DigestIndex index, uint number, uint covered, CancellationToken cancellationToken)
    {
        try
        {
            await CatchUpPackAsync(index, number, covered, cancellationToken);
            await index.WriteTableIfFullAsync(cancellationToken);
        }
        catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
        {
            _packs.Remove(number);
            _problems.Add(exception.Message);
        }
    }

    /// <summary>What cannot be merged costs lookups time, and not the opening.</summary>
    private async Task MergeAsync(DigestIndex index, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Run(() => index.MergeAsync(cancellationToken), cancellationToken);
        }
        catch (RepositoryException exception)
        {
            RepositoryStore.Log.MergeFailed(_logger, exception.Message);
        }
    }

    private async Task CatchUpPackAsync(DigestIndex index, uint number, uint covered, CancellationToken cancellationToken)
    {
        var name = PackFormat.NameOf(number);
        using var reader = await _storage.OpenReadAsync(name, cancellationToken) ?? throw RepositoryException.Damaged($"{name}: it is gone");
        var header = new byte[PackFormat.HeaderLength];
        var read = await reader.ReadAsync(0, header, cancellationToken);
        var fault = PackFormat.CheckHeader(header.AsSpan(0, read), number, _parameters.RepositoryId);
        if (fault is not null && reader.Length > PackFormat.HeaderLength)
        {
            // The frames prove themselves, the header only says whose they are: use them, tell the operator.
            _problems.Add($"{name}: {fault}; its frames are used where they hold");
        }

        if (await PackScanner.TryReadFooterAsync(reader, number, cancellationToken) is { } frames)
        {
            Enter(index, number, frames, reader.Length);
            return;
        }

        var scan = await PackScanner.ScanAsync(reader, name, _keys, cancellationToken);
        if (scan.Frames.Count == 0)
        {
            await GiveUpAsync(reader, number, covered, cancellationToken);
            return;
        }

        _report = _report with { UnsealedPacks = _report.UnsealedPacks + 1, UnreadableBytes = _report.UnreadableBytes + scan.UnreadableBytes };
        RepositoryStore.Log.PackScanned(_logger, name, scan.Frames.Count, scan.UnreadableBytes);
        await NoteTruncationAsync(name, number, covered, scan.Frames, cancellationToken);
        var length = await SealAsync(name, number, scan.Frames, cancellationToken);
        _packs.Set(number, length);
        Enter(index, number, scan.Frames, length);
    }

    /// <summary>
    /// The index covers more of the pack than is there: the file was cut. What runs still name behind its last frame must never count as held again,
    /// and this is durable before the pack is sealed, because the footer takes those places.
    /// </summary>
    private async Task NoteTruncationAsync(string name, uint number, uint covered, List<PackFrame> frames, CancellationToken cancellationToken)
    {
        var end = (uint)frames.Max(frame => frame.End);

        // A pack that was sealed with just these frames has lost no more than its footer.
        if (covered <= end || covered == end + PackFormat.WriteEnd(number, frames, end).Length)
        {
            return;
        }

        var reason = $"{name}: cut off at byte {end}, {covered} were stored; what is lost is read again by the next backup";
        using var quarantine = new Quarantine(_storage, _packs, _quarantineSequence);
        await quarantine.AddAsync(
            [new QuarantineItem { Digest = default, Kind = FrameKind.Chunk, Pack = number, Offset = end, ToEnd = true, Reason = reason }], cancellationToken);
        _quarantineSequence = quarantine.HighestSequence;
        _problems.Add(reason);
    }

    /// <summary>A pack without one whole frame: removed when it was just begun, else kept for whoever looks at it.</summary>
    private async Task GiveUpAsync(IStorageReader reader, uint number, uint covered, CancellationToken cancellationToken)
    {
        _packs.Remove(number);
        if (covered <= PackFormat.HeaderLength && await IsJustBegunAsync(reader, cancellationToken))
        {
            await _storage.DeleteAsync(PackFormat.NameOf(number), cancellationToken);
            _report = _report with { EmptyPacksRemoved = _report.EmptyPacksRemoved + 1 };
            return;
        }

        if (covered > PackFormat.HeaderLength)
        {
            _packs.NoteMissing(); // frames that points may need: the next sessions look through their bases
        }

        _problems.Add($"{PackFormat.NameOf(number)}: none of its {reader.Length} bytes are a whole frame: it is damaged; left alone, restore it from a copy or move it away");
    }

    /// <summary>
    /// What an append that never finished leaves: less than a frame's header, or one that holds and parts of what it announces. Never the end of a sealed pack,
    /// and no more than is appended between two flushes.
    /// </summary>
    private async Task<bool> IsJustBegunAsync(IStorageReader reader, CancellationToken cancellationToken)
    {
        var start = new byte[FrameHeader.Size];
        var end = new byte[PackFormat.TrailerLength];
        var read = await reader.ReadAsync(PackFormat.HeaderLength, start, cancellationToken);
        if (read < start.Length)
        {
            return true;
        }

        await reader.ReadAsync(reader.Length - end.Length, end, cancellationToken);
        return FrameHeader.TryRead(start, out _) && !PackFormat.LooksSealed(end)
            && reader.Length <= PackFormat.HeaderLength + Math.Min(4L * _options.FlushBytes, _parameters.PackSize);
    }

    private async Task<long> SealAsync(string name, uint number, List<PackFrame> frames, CancellationToken cancellationToken)
    {
        await using var appender = await _storage.OpenAppendAsync(name, create: false, cancellationToken);
        await appender.AppendAsync(PackFormat.WriteEnd(number, frames, appender.Length), cancellationToken);
        await appender.FlushAsync(cancellationToken);
        return appender.Length;
    }

    private void Enter(DigestIndex index, uint number, List<PackFrame> frames, long length)
    {
        var entries = frames.ConvertAll(frame => new IndexEntry(frame.Digest, number, frame.Offset, frame.StoredLength, frame.PlainLength, frame.Kind));
        index.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(entries), new PackCoverage(number, PackFormat.HeaderLength, (uint)length));
        _report = _report with { ReindexedPacks = _report.ReindexedPacks + 1, ReindexedFrames = _report.ReindexedFrames + entries.Count };
    }

    private async Task<PointCatalog> LoadPointsAsync(CancellationToken cancellationToken)
    {
        var points = new PointCatalog();
        await foreach (var item in _storage.ListAsync(PointNames.Folder, cancellationToken))
        {
            if (PointNames.Parse(item.Name) is { } point)
            {
                var first = points.Add(point);
                if (first.Path != point.Path)
                {
                    _problems.Add(DuplicatePoint.Describe(point, first));
                }
            }
            else
            {
                _problems.Add($"{item.Name}: it is no point; left alone");
            }
        }

        return points;
    }
}
