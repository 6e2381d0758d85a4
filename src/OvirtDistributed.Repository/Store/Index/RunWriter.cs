// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Merges sorted entries into a new run. Memory: the Bloom filter (1.34 bytes a key) and one buffer.</summary>
internal sealed class RunWriter
{
    private const int BufferEntries = 32 << 10;

    private readonly IReadOnlyList<EntryCursor> _sources;
    private readonly Func<IndexEntry, bool> _isUsable;
    private readonly bool[] _live;

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
        var (format, bloom) = Count(low, high);
        await using var writer = await storage.CreateWriterAsync(RunFormat.NameOf(low, high), cancellationToken);
        var header = new byte[RunFormat.HeaderLength];
        format.WriteHeader(header);
        await writer.WriteAsync(header, cancellationToken);
        await writer.WriteAsync(bloom, cancellationToken);
        var entriesCrc = await WriteEntriesAsync(writer, cancellationToken);
        var covered = MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(coverage)).ToArray();
        await writer.WriteAsync(covered, cancellationToken);
        var trailer = new byte[RunFormat.TrailerLength];
        var finished = format with
        {
            BloomCrc = Crc32C.Compute(bloom),
            EntriesCrc = entriesCrc,
            CoverageCrc = Crc32C.Compute(covered),
            CoverageCount = coverage.Count,
        };
        finished.WriteTrailer(trailer);
        await writer.WriteAsync(trailer, cancellationToken);
        await writer.CommitAsync(cancellationToken);
    }

    private (RunFormat Format, byte[] Bloom) Count(long low, long high)
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
        var bloom = new byte[blocks * BloomFilter.BlockSize];
        Restart();
        while (TryNext(out var entry))
        {
            BloomFilter.Add(bloom, blocks, entry.KeyHigh, entry.KeyLow);
        }

        return (new RunFormat { BloomBlocks = blocks, Entries = entries, Low = low, High = high, PlainBytes = plain, StoredBytes = stored }, bloom);
    }

    private async Task<uint> WriteEntriesAsync(IStorageWriter writer, CancellationToken cancellationToken)
    {
        var buffer = new IndexEntry[BufferEntries];
        var crc = uint.MaxValue;
        var used = 0;
        Restart();
        for (var more = true; more;)
        {
            more = TryNext(out buffer[used]);
            used += more ? 1 : 0;
            if (used == buffer.Length || (!more && used > 0))
            {
                var bytes = MemoryMarshal.AsBytes(buffer.AsSpan(0, used)).ToArray();
                crc = Crc32C.Append(crc, bytes);
                await writer.WriteAsync(bytes, cancellationToken);
                used = 0;
            }
        }

        return ~crc;
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
        entry = default;
        var smallest = -1;
        for (var i = 0; i < _sources.Count; i++)
        {
            if (_live[i] && (smallest < 0 || _sources[i].Current.CompareKey(_sources[smallest].Current) < 0))
            {
                smallest = i;
            }
        }

        if (smallest < 0)
        {
            return false;
        }

        TakeEqual(_sources[smallest].Current, out entry);
        return true;
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
