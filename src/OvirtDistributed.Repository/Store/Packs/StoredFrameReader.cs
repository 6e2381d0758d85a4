// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Store.Index;

namespace OvirtDistributed.Repository.Store.Packs;

/// <summary>Reads frames from packs: few large reads, in the order of the packs. Safe for concurrent use.</summary>
internal sealed class StoredFrameReader(
    DigestIndex index, PackTable packs, PackReaders readers, Action<ChunkDigest, IndexEntry, string> onDamage) : IFrameSource
{
    // A gap this small costs less than another read.
    private const int MaxGap = 64 << 10;
    private const int MaxRead = 4 << 20;
    private const int MostMoves = 4;

    public Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, CancellationToken cancellationToken) =>
        FetchAsync(digests, kindAllowed: null, cancellationToken);

    /// <summary>Fetches frames, of some kinds only.</summary>
    public async Task<FrameBatch> FetchAsync(ReadOnlyMemory<ChunkDigest> digests, Func<FrameKind, bool>? kindAllowed, CancellationToken cancellationToken)
    {
        if (digests.Length > IFrameSource.MaxBatch)
        {
            throw RepositoryException.Invalid($"fetch: {digests.Length} digests, at most {IFrameSource.MaxBatch}");
        }

        var entries = ArrayPool<IndexEntry>.Shared.Rent(digests.Length);
        var order = new int[digests.Length];
        try
        {
            Locate(digests.Span, entries.AsSpan(0, digests.Length), kindAllowed);
            for (var attempt = 1; ; attempt++)
            {
                try
                {
                    return await ReadAsync(digests, entries, order, cancellationToken);
                }
                catch (RepositoryException failure) when (failure.Error is RepositoryError.Damaged or RepositoryError.Unavailable && attempt < MostMoves)
                {
                    // Garbage collection moves frames: the pack may have gone between the look-up and the read. A file that is open stays readable
                    // then; an object in a bucket does not.
                    var moved = new IndexEntry[digests.Length];
                    if (Find(digests.Span, moved) < digests.Length || entries.AsSpan(0, digests.Length).SequenceEqual(moved))
                    {
                        await ReportGoneAsync(digests, entries, cancellationToken);
                        throw;
                    }

                    moved.CopyTo(entries, 0);
                }
            }
        }
        finally
        {
            ArrayPool<IndexEntry>.Shared.Return(entries);
        }
    }

    /// <summary>Reads one frame from one place and checks it; null, and reported, when it does not hold.</summary>
    public async Task<byte[]?> ReadProvenAtAsync(IndexEntry entry, ChunkDigest digest, CancellationToken cancellationToken)
    {
        var frame = await ReadAtAsync(entry, cancellationToken);
        try
        {
            Check(digest, entry, frame ?? []);
            return frame;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            return null;
        }
    }

    private async Task<FrameBatch> ReadAsync(ReadOnlyMemory<ChunkDigest> digests, IndexEntry[] entries, int[] order, CancellationToken cancellationToken)
    {
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, (a, b) => Compare(entries[a], entries[b]));
        var batch = new FrameBatch(digests.Length);
        try
        {
            await ReadAllAsync(digests, entries, order, batch, cancellationToken);
            return batch;
        }
        catch
        {
            batch.Dispose();
            throw;
        }
    }

    /// <summary>Reads one frame from one place, unchecked; null when the pack ends before it.</summary>
    public async Task<byte[]?> ReadAtAsync(IndexEntry entry, CancellationToken cancellationToken)
    {
        var reader = await readers.RentAsync(entry.Pack, cancellationToken);
        try
        {
            var frame = new byte[entry.FrameLength];
            return await reader.ReadAsync(entry.Offset, frame, cancellationToken) == frame.Length ? frame : null;
        }
        finally
        {
            readers.Return(entry.Pack);
        }
    }

    /// <summary>A pack that somebody took away gives none of its frames back: they count as damaged, so that they are sent again.</summary>
    private async Task ReportGoneAsync(ReadOnlyMemory<ChunkDigest> digests, IndexEntry[] entries, CancellationToken cancellationToken)
    {
        var gone = new Dictionary<uint, string?>();
        for (var i = 0; i < digests.Length; i++)
        {
            var entry = entries[i];
            if (!packs.IsUsable(entry))
            {
                continue;
            }

            if (!gone.TryGetValue(entry.Pack, out var reason))
            {
                reason = await ExplainAbsenceAsync(entry.Pack, cancellationToken);
                gone.Add(entry.Pack, reason);
            }

            if (reason is not null)
            {
                onDamage(digests.Span[i], entry, reason);
            }
        }
    }

    /// <summary>Null when the pack is there.</summary>
    private async Task<string?> ExplainAbsenceAsync(uint pack, CancellationToken cancellationToken)
    {
        try
        {
            await readers.RentAsync(pack, cancellationToken);
            readers.Return(pack);
            return null;
        }
        catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
        {
            return failure.Message;
        }
    }

    private static int Compare(in IndexEntry a, in IndexEntry b) => a.Pack != b.Pack ? a.Pack.CompareTo(b.Pack) : a.Offset.CompareTo(b.Offset);

    private void Locate(ReadOnlySpan<ChunkDigest> digests, Span<IndexEntry> entries, Func<FrameKind, bool>? kindAllowed)
    {
        if (Find(digests, entries) == digests.Length)
        {
            foreach (ref readonly var entry in entries)
            {
                // A huge run is not proven when it is opened: its numbers are as untrusted as any bytes (invariant 12).
                if (entry.StoredLength is < 1 or > FrameHeader.MaxStoredLength)
                {
                    throw RepositoryException.Damaged($"index: a frame of {entry.StoredLength} bytes in {PackFormat.NameOf(entry.Pack)} at {entry.Offset}; remove the index folder and open again");
                }

                if (kindAllowed is not null && !kindAllowed(entry.Kind))
                {
                    throw RepositoryException.Invalid($"fetch: frames of kind {entry.Kind} may not be read here");
                }
            }

            return;
        }

        var missing = new List<ChunkDigest>();
        for (var i = 0; i < digests.Length; i++)
        {
            if (entries[i].IsNone)
            {
                missing.Add(digests[i]);
            }
        }

        throw RepositoryException.Missing($"{missing.Count} objects are lost: they are in no pack, the first is {missing[0]}", missing, missing.Count);
    }

    /// <summary>The usable places; of what has none, the readable ones.</summary>
    private int Find(ReadOnlySpan<ChunkDigest> digests, Span<IndexEntry> entries)
    {
        var count = index.Find(digests, entries);
        for (var i = 0; i < digests.Length && count < digests.Length && packs.ReportedCount > 0; i++)
        {
            count += entries[i].IsNone ? index.Find(digests.Slice(i, 1), entries.Slice(i, 1), packs.IsReadable) : 0;
        }

        return count;
    }

    private async Task ReadAllAsync(ReadOnlyMemory<ChunkDigest> digests, IndexEntry[] entries, int[] order, FrameBatch batch, CancellationToken cancellationToken)
    {
        for (var first = 0; first < order.Length;)
        {
            var start = entries[order[first]];
            var end = start.End;
            var next = first + 1;
            for (; next < order.Length; next++)
            {
                var entry = entries[order[next]];
                if (entry.Pack != start.Pack || entry.Offset > end + MaxGap || Math.Max(end, entry.End) - start.Offset > MaxRead)
                {
                    break;
                }

                end = Math.Max(end, entry.End);
            }

            var memory = batch.Allocate((int)(end - start.Offset));
            memory = memory[..await ReadRangeAsync(start, memory, cancellationToken)];
            for (var i = first; i < next; i++)
            {
                var entry = entries[order[i]];
                var at = (int)Math.Min(entry.Offset - start.Offset, memory.Length);
                var frame = memory.Slice(at, Math.Min(entry.FrameLength, memory.Length - at));
                Check(digests.Span[order[i]], entry, frame.Span);
                batch[order[i]] = frame;
            }

            first = next;
        }
    }

    private async Task<int> ReadRangeAsync(IndexEntry start, Memory<byte> memory, CancellationToken cancellationToken)
    {
        var reader = await readers.RentAsync(start.Pack, cancellationToken);
        try
        {
            return await reader.ReadAsync(start.Offset, memory, cancellationToken);
        }
        finally
        {
            readers.Return(start.Pack);
        }
    }

    private void Check(in ChunkDigest digest, in IndexEntry entry, ReadOnlySpan<byte> frame)
    {
        try
        {
            var header = FrameDecoder.CheckIntegrity(frame);
            if (header.Digest != digest)
            {
                throw RepositoryException.Damaged($"digest {header.Digest} where {digest} should be");
            }
        }
        catch (RepositoryException exception) when (exception.Error == RepositoryError.Damaged)
        {
            onDamage(digest, entry, exception.Message);
            throw RepositoryException.Damaged($"{PackFormat.NameOf(entry.Pack)} at {entry.Offset}: {exception.Message}", exception);
        }
    }
}
