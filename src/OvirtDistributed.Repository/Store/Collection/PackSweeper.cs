// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store.Index;
using OvirtDistributed.Repository.Store.Packs;

namespace OvirtDistributed.Repository.Store.Collection;

/// <summary>Decides for one pack after the other what becomes of it. One thread.</summary>
internal sealed class PackSweeper
{
    private readonly IStorageBackend _storage;
    private readonly PackContext _context;
    private readonly PackPool _pool;
    private readonly StoredFrameReader _reader;
    private readonly LiveSet _live;
    private readonly GcOptions _options;
    private readonly long _started;
    private bool _full;
    private ChunkDigest[] _digests = [];
    private IndexEntry[] _found = [];
    private readonly List<uint> _small = [];
    private long _moved;

    public PackSweeper(IStorageBackend storage, PackContext context, PackPool pool, StoredFrameReader reader, LiveSet live, GcOptions options)
    {
        _storage = storage;
        _context = context;
        _pool = pool;
        _reader = reader;
        _live = live;
        _options = options;
        _started = context.TimeProvider.GetTimestamp();
    }

    public GcReport Report { get; private set; } = new();

    /// <summary>Runs of the index that do not hold, and packs that were left alone because nothing in them can be read.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Whether the index can be believed: what it says of a frame decides which of its places is garbage.</summary>
    public async Task<bool> ProveIndexAsync(CancellationToken cancellationToken)
    {
        var faults = await _context.Index.ProveAsync(
            length =>
            {
                _moved += length;
                return ThrottleAsync(cancellationToken);
            },
            cancellationToken);
        Problems.AddRange(faults.Select(fault => $"{fault}: nothing is collected until the Data Mover has opened the repository again, which rebuilds this part of the index"));
        return faults.Count == 0;
    }

    /// <summary>Looks at a sealed pack; it stays, or it is dispensable on return.</summary>
    public async Task SweepAsync(uint pack, CancellationToken cancellationToken)
    {
        var (frames, length) = await ReadFramesAsync(pack, cancellationToken);
        if (frames is null)
        {
            return; // gone: what needs it is reported by a verification
        }

        var use = await WeighAsync(pack, frames, cancellationToken);
        Report = Report with { Packs = Report.Packs + 1, PackBytes = Report.PackBytes + length, LiveBytes = Report.LiveBytes + use.Bytes };
        if (frames.Count == 0 && length > PackFormat.HeaderLength && !await HasFooterAsync(pack, cancellationToken))
        {
            Problems.Add($"{PackFormat.NameOf(pack)}: none of its {length} bytes are a whole frame: it is damaged; left alone, restore it from a copy or move it away");
            return;
        }

        if (use.Lost)
        {
            return; // it holds the last, damaged, copy of something a point needs
        }

        if (use.Frames.Count == 0)
        {
            if (await DoomAsync(pack, "nothing in it is in use", cancellationToken))
            {
                Report = Report with { DeadPacks = Report.DeadPacks + 1, DeadBytes = Report.DeadBytes + length };
            }
        }
        else if (use.Bytes < _options.RewriteBelow * length)
        {
            await RewriteAsync(pack, length, use, cancellationToken);
        }
        else if (length < _options.MergeBelow * _context.PackSize)
        {
            _small.Add(pack);
        }

        await ThrottleAsync(cancellationToken);
    }

    /// <summary>
    /// Writes the frames of small packs together, after all packs were looked at: the same as a rewrite. What comes out is one small pack at most, and
    /// less than <see cref="GcOptions.MergeAtLeast"/> are left alone: so a quiet round finds nothing to merge.
    /// </summary>
    public async Task MergeSmallAsync(CancellationToken cancellationToken)
    {
        var packs = _small.FindAll(pack => !_context.Packs.IsTouched(pack));
        for (var i = 0; i < packs.Count && packs.Count >= _options.MergeAtLeast; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (frames, length) = await ReadFramesAsync(packs[i], cancellationToken);
            if (frames is null || await WeighAsync(packs[i], frames, cancellationToken) is not { Lost: false, Frames.Count: > 0 } use)
            {
                continue; // damage was seen meanwhile: the next round knows more
            }

            var before = Report.RewrittenPacks;
            await RewriteAsync(packs[i], length, use, cancellationToken);
            Report = Report with { MergedPacks = Report.MergedPacks + Report.RewrittenPacks - before };
            await ThrottleAsync(cancellationToken);
        }
    }

    private async Task<(List<PackFrame>? Frames, long Length)> ReadFramesAsync(uint pack, CancellationToken cancellationToken)
    {
        using var reader = await _storage.OpenReadAsync(PackFormat.NameOf(pack), cancellationToken);
        if (reader is null)
        {
            return (null, 0);
        }

        // One that was cut off by a crash may have no footer: its frames are found as they are at an opening.
        var frames = await PackScanner.TryReadFooterAsync(reader, pack, cancellationToken)
            ?? (await PackScanner.ScanAsync(reader, PackFormat.NameOf(pack), _context.Keys, cancellationToken)).Frames;
        return (frames, reader.Length);
    }

    private async Task<bool> HasFooterAsync(uint pack, CancellationToken cancellationToken)
    {
        using var reader = await _storage.OpenReadAsync(PackFormat.NameOf(pack), cancellationToken);
        return reader is null || await PackScanner.TryReadFooterAsync(reader, pack, cancellationToken) is not null;
    }

    /// <summary>The frames that are reached and of which this place is the one that counts.</summary>
    private async Task<PackUse> WeighAsync(uint pack, List<PackFrame> frames, CancellationToken cancellationToken)
    {
        Locate(frames);
        var use = new PackUse();
        for (var i = 0; i < frames.Count; i++)
        {
            var frame = frames[i];
            if (!_live.MayContain(frame.Digest))
            {
                continue;
            }

            if (_found[i].Pack != pack || _found[i].Offset != frame.Offset)
            {
                if (!_found[i].IsNone && await HoldsAsync(_found[i], frame.Digest, cancellationToken))
                {
                    continue;
                }

                if (!await TakeAsync(new IndexEntry(frame.Digest, pack, frame.Offset, frame.StoredLength, frame.PlainLength, frame.Kind), frame.Digest, cancellationToken))
                {
                    use.Lost = true;
                    continue;
                }
            }

            use.Frames.Add(frame);
            use.Bytes += FrameHeader.Size + frame.StoredLength;
        }

        use.Frames.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        return use;
    }

    private void Locate(List<PackFrame> frames)
    {
        if (_digests.Length < frames.Count)
        {
            _digests = new ChunkDigest[frames.Count];
            _found = new IndexEntry[frames.Count];
        }

        for (var i = 0; i < frames.Count; i++)
        {
            _digests[i] = frames[i].Digest;
        }

        _context.Index.Find(_digests.AsSpan(0, frames.Count), _found.AsSpan(0, frames.Count));
    }

    /// <summary>
    /// Whether the other place that the index names has the frame indeed: this one must not go because of a place that has gone bad, or was never one.
    /// Frames in two places are rare: a crash, two writers at once, or a repair leaves them.
    /// </summary>
    private async Task<bool> HoldsAsync(IndexEntry place, ChunkDigest digest, CancellationToken cancellationToken)
    {
        if (place.StoredLength is < 1 or > FrameHeader.MaxStoredLength)
        {
            return false;
        }

        _moved += place.FrameLength;
        try
        {
            return await _reader.ReadProvenAtAsync(place, digest, cancellationToken) is not null;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            return false; // its pack is gone
        }
    }

    /// <summary>Makes a place the one that the index names, where no other holds: else nobody would find the frame here. False when it does not hold either.</summary>
    private async Task<bool> TakeAsync(IndexEntry place, ChunkDigest digest, CancellationToken cancellationToken)
    {
        if (!_context.Packs.IsUsable(place) || !await HoldsAsync(place, digest, cancellationToken))
        {
            return false;
        }

        if (!_options.DryRun)
        {
            _context.Index.Add([place], new PackCoverage(place.Pack, place.Offset, (uint)place.End));
        }

        return true;
    }

    private async Task RewriteAsync(uint pack, long length, PackUse use, CancellationToken cancellationToken)
    {
        if (_context.Packs.IsTouched(pack))
        {
            Report = Report with { BusyPacks = Report.BusyPacks + 1 };
            return;
        }

        if (!_options.DryRun && !await TryCopyAsync(pack, use, cancellationToken))
        {
            return;
        }

        if (await DoomAsync(pack, $"{use.Frames.Count} frames in use were written to another pack", cancellationToken))
        {
            Report = Report with
            {
                RewrittenPacks = Report.RewrittenPacks + 1,
                RewrittenPackBytes = Report.RewrittenPackBytes + length,
                CopiedBytes = Report.CopiedBytes + use.Bytes,
            };
        }
    }

    /// <summary>Where the storage is full a pack stays as it is: others need nothing to be given back, and the round goes on.</summary>
    private async Task<bool> TryCopyAsync(uint pack, PackUse use, CancellationToken cancellationToken)
    {
        if (_full)
        {
            return false;
        }

        try
        {
            return await CopyAsync(pack, use, cancellationToken);
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.NoSpace)
        {
            _full = true;
            Problems.Add($"{failure.Message}: packs that are partly in use were not written anew; those that are not in use were given back; run it again when there is more room");
            return false;
        }
    }

    /// <summary>Writes the frames in use, as they are, to another pack; durable and in the index on return.</summary>
    /// <returns>False when one of them does not hold: the pack stays.</returns>
    private async Task<bool> CopyAsync(uint pack, PackUse use, CancellationToken cancellationToken)
    {
        var writer = await _pool.AcquireAsync(collecting: true, cancellationToken);
        try
        {
            foreach (var frame in use.Frames)
            {
                var entry = new IndexEntry(frame.Digest, pack, frame.Offset, frame.StoredLength, frame.PlainLength, frame.Kind);
                if (await _reader.ReadProvenAtAsync(entry, frame.Digest, cancellationToken) is not { } bytes)
                {
                    return false;
                }

                if (!writer.HasRoom(bytes.Length, 1))
                {
                    var full = writer;
                    writer = await _pool.AcquireAsync(bytes.Length, collecting: true, cancellationToken);
                    await _pool.RetireAsync(full, cancellationToken);
                }

                await writer.AppendAsync(bytes, [new FramePart(0, FrameHeader.Read(bytes))], 0, 1, cancellationToken);
                _moved += 2L * bytes.Length;
                if (writer.UnflushedBytes >= _context.Options.FlushBytes)
                {
                    await writer.FlushAsync(cancellationToken);
                    await ThrottleAsync(cancellationToken);
                }
            }

            await writer.FlushAsync(cancellationToken);
            return true;
        }
        finally
        {
            _pool.Return(writer);
        }
    }

    /// <summary>Makes a pack dispensable, durably, unless something uses it: then it stays, and this returns false.</summary>
    private async Task<bool> DoomAsync(uint pack, string reason, CancellationToken cancellationToken)
    {
        if (_options.DryRun)
        {
            return !_context.Packs.IsTouched(pack);
        }

        // A merge of the index keeps one place of each frame, by what counts at that moment: it must not see a pack that is spared again, and what it
        // kept must not be doomed before it is to be found.
        using var merges = await _context.Index.KeepMergesOutAsync(cancellationToken);

        // First doomed, then looked whether it is used. Who uses a pack first notes that and then looks whether it is doomed. So one sees the other.
        var now = _context.TimeProvider.GetUtcNow();
        if (!_context.Packs.TryDoom(pack, now))
        {
            Report = Report with { BusyPacks = Report.BusyPacks + 1 };
            return false;
        }

        // When this fails the pack stays dispensable: the tombstone may be there all the same, and then nobody must have relied on the pack meanwhile.
        await Tombstones.WriteAsync(_storage, new TombstoneRecord(pack, now, reason), cancellationToken);
        return true;
    }

    private async Task ThrottleAsync(CancellationToken cancellationToken)
    {
        if (_options.BytesPerSecond <= 0)
        {
            return;
        }

        var due = TimeSpan.FromSeconds((double)_moved / _options.BytesPerSecond) - _context.TimeProvider.GetElapsedTime(_started);
        if (due > TimeSpan.Zero)
        {
            await Task.Delay(due, _context.TimeProvider, cancellationToken);
        }
    }

    private sealed class PackUse
    {
        public List<PackFrame> Frames { get; } = [];

        public long Bytes { get; set; }

        public bool Lost { get; set; }
    }
}
