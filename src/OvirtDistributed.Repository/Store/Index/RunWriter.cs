// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Memory;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Merges sorted entries into a new run. Memory: one buffer, however many entries there are; the sources are gone through three times.</summary>
internal sealed class RunWriter : IDisposable
{
    private const int BufferLength = 1 << 20;

    private readonly IReadOnlyList<EntryCursor> _sources;
    private readonly Func<IndexEntry, bool> _isUsable;
    private readonly bool[] _live;
    private readonly PageBuffer _buffer = new(BufferLength);
    private IndexEntry _waiting;

    /// <param name="sources">Oldest first: of equal keys the last source's usable entry is kept.</param>
    /// <param name="isUsable">Whether an entry's frame can be read.</param>
    public RunWriter(IReadOnlyList<EntryCursor> sources, Func<IndexEntry, bool> isUsable)
    {
        _sources = sources;
        _isUsable = isUsable;
        _live = new bool[sources.Count];
    }

    public async Task WriteAsync(IStorageBackend storage, long low, long high, List<PackCoverage> coverage, CancellationToken cancellationToken)
    {
        var format = Count(low, high);
        await using var writer = await storage.CreateWriterAsync(RunFormat.NameOf(low, high), cancellationToken);
        var header = new byte[RunFormat.HeaderLength];
        format.WriteHeader(header);
        await writer.WriteAsync(header, cancellationToken);
        var bloomCrc = await WriteBloomAsync(writer, format.BloomBlocks, cancellationToken);
        var entriesCrc = await WriteEntriesAsync(writer, cancellationToken);
        var covered = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(coverage)).ToArray();
        await writer.WriteAsync(covered, cancellationToken);
        var trailer = new byte[RunFormat.TrailerLength];
        var finished = format with
        {
            BloomCrc = bloomCrc,
            EntriesCrc = entriesCrc,
            CoverageCrc = Crc32C.Compute(covered),
            CoverageCount = coverage.Count,
        };
        finished.WriteTrailer(trailer);
        await writer.WriteAsync(trailer, cancellationToken);
        await writer.CommitAsync(cancellationToken);
    }

    public void Dispose() => ((IDisposable)_buffer).Dispose();

    private RunFormat Count(long low, long high)
    {
        var (entries, plain, stored) = (0L, 0L, 0L);
        Restart();
        while (TryNext(out var entry))
        {
            entries++;
            plain += entry.PlainLength;
            stored += entry.FrameLength;
        }

        var blocks = BloomFilter.BlocksFor(entries);
        return new RunFormat { BloomBlocks = blocks, Entries = entries, Low = low, High = high, PlainBytes = plain, StoredBytes = stored };
    }

    private async Task<uint> WriteBloomAsync(IStorageWriter writer, int blocks, CancellationToken cancellationToken)
    {
        const int PieceBlocks = BufferLength / BloomFilter.BlockSize;
        var crc = uint.MaxValue;
        Restart();
        for (var first = 0L; first < blocks; first += PieceBlocks)
        {
            var piece = _buffer.Memory[..((int)Math.Min(PieceBlocks, blocks - first) * BloomFilter.BlockSize)];
            FillBloom(piece.Span, first, blocks);
            crc = Crc32C.Append(crc, piece.Span);
            await writer.WriteAsync(piece, cancellationToken);
        }

        return ~crc;
    }

    // Keys ascend, and with them the blocks they are in: a piece is finished when a key belongs behind it. That key waits for the next piece.
    private void FillBloom(Span<byte> piece, long first, int blocks)
    {
        piece.Clear();
        while (!_waiting.IsNone || TryNext(out _waiting))
        {
            var at = (BloomFilter.BlockOf(_waiting.KeyHigh, blocks) - first) * BloomFilter.BlockSize;
            if (at >= piece.Length)
            {
                return;
            }

            BloomFilter.Add(piece.Slice((int)at, BloomFilter.BlockSize), _waiting.KeyLow);
            _waiting = default;
        }
    }

    private async Task<uint> WriteEntriesAsync(IStorageWriter writer, CancellationToken cancellationToken)
    {
        var crc = uint.MaxValue;
        Restart();
        for (var piece = FillEntries(); !piece.IsEmpty; piece = FillEntries())
        {
            crc = Crc32C.Append(crc, piece.Span);
            await writer.WriteAsync(piece, cancellationToken);
        }

        return ~crc;
    }

    private ReadOnlyMemory<byte> FillEntries()
    {
        var entries = MemoryMarshal.Cast<byte, IndexEntry>(_buffer.GetSpan());
        var used = 0;
        while (used < entries.Length && TryNext(out entries[used]))
        {
            used++;
        }

        return _buffer.Memory[..(used * IndexEntry.Size)];
    }

    private void Restart()
    {
        for (var i = 0; i < _sources.Count; i++)
        {
            _sources[i].Restart();
            _live[i] = _sources[i].MoveNext();
        }
    }

    private bool TryNext(out IndexEntry entry)
    {
        var smallest = Smallest(out var alone);
        if (smallest < 0)
        {
            entry = default;
            return false;
        }

        entry = _sources[smallest].Current;
        if (alone)
        {
            _live[smallest] = _sources[smallest].MoveNext();
        }
        else
        {
            TakeEqual(entry, out entry);
        }

        return true;
    }

    /// <summary>The newest source with the smallest key, and whether it is the only one; −1 at the end.</summary>
    private int Smallest(out bool alone)
    {
        var smallest = -1;
        alone = true;
        for (var i = 0; i < _live.Length; i++)
        {
            if (!_live[i])
            {
                continue;
            }

            var order = smallest < 0 ? -1 : _sources[i].CompareKey(_sources[smallest]);
            if (order <= 0)
            {
                smallest = i;
                alone = order != 0;
            }
        }

        return smallest;
    }

    // Of equal keys the newest usable one is kept; when none is usable, the newest.
    private void TakeEqual(IndexEntry key, out IndexEntry entry)
    {
        entry = default;
        var usable = false;
        for (var i = _sources.Count - 1; i >= 0; i--)
        {
            if (!_live[i] || _sources[i].Current.CompareKey(key) != 0)
            {
                continue;
            }

            var candidate = _sources[i].Current;
            if (entry.IsNone || (!usable && _isUsable(candidate)))
            {
                entry = candidate;
                usable = _isUsable(candidate);
            }

            _live[i] = _sources[i].MoveNext();
        }
    }
}
