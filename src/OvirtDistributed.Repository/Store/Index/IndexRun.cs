// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Storage;

namespace OvirtDistributed.Repository.Store.Index;

/// <summary>An open run. Counts its users, so that a merge can remove it while lookups still go through it.</summary>
internal sealed class IndexRun
{
    // Up to this size a run is proven when it is opened; larger ones before they are merged, and at the begin of each round of garbage collection.
    private const long ProvenAtOpen = 64 << 20;

    private const int Interpolations = 2;

    private readonly IMappedObject _map;
    private readonly IStorageReader? _reader;
    private int _users = 1;

    private IndexRun(string name, RunFormat format, IMappedObject map, IStorageReader? reader)
    {
        Name = name;
        Format = format;
        _map = map;
        _reader = reader;
    }

    public string Name { get; }

    public RunFormat Format { get; }

    public long Count => Format.Entries;

    /// <summary>
    /// A checksum was found not to hold. What can be found in it is used on, because frames prove themselves; it is merged with nothing, and no pack is
    /// made dispensable by what it says.
    /// </summary>
    public bool IsDamaged => Fault is not null;

    /// <summary>What did not hold, with the name of the file; null while nothing was found.</summary>
    public string? Fault { get; private set; }

    /// <exception cref="RepositoryException">The run is damaged or gone.</exception>
    public static async Task<IndexRun> OpenAsync(IStorageBackend storage, string name, CancellationToken cancellationToken)
    {
        var reader = await storage.OpenReadAsync(name, cancellationToken)
            ?? throw RepositoryException.Damaged($"{name}: it is gone");
        IMappedObject? map = null;
        try
        {
            map = reader.Map() ?? await HeapMapping.LoadAsync(reader, cancellationToken);
            if (map.Length < RunFormat.HeaderLength + RunFormat.TrailerLength)
            {
                throw RepositoryException.Damaged($"{name}: it has {map.Length} bytes");
            }

            var format = RunFormat.Read(
                name,
                map.Slice(0, RunFormat.HeaderLength),
                map.Slice(map.Length - RunFormat.TrailerLength, RunFormat.TrailerLength),
                map.Length);
            var run = new IndexRun(name, format, map, reader);
            if (map.Length <= ProvenAtOpen)
            {
                run.Prove();
            }

            return run;
        }
        catch
        {
            map?.Dispose();
            reader.Dispose();
            throw;
        }
    }

    /// <summary>Checks all checksums.</summary>
    public void Prove()
    {
        foreach (var _ in ProveInSteps())
        {
        }
    }

    /// <summary>The same as a question; the answer no is remembered.</summary>
    /// <param name="fault">What does not hold.</param>
    public bool IsProven(out string fault)
    {
        foreach (var _ in LookThrough())
        {
        }

        fault = Fault ?? "";
        return !IsDamaged;
    }

    /// <summary>Checks all checksums piece by piece, for whoever wants to pause between two; the outcome is <see cref="Fault"/>.</summary>
    /// <returns>Bytes read for each step.</returns>
    public IEnumerable<int> LookThrough()
    {
        using var steps = ProveInSteps().GetEnumerator();
        while (Fault is null)
        {
            try
            {
                if (!steps.MoveNext())
                {
                    yield break;
                }
            }
            catch (RepositoryException failure) when (failure.Error == RepositoryError.Damaged)
            {
                Fault = failure.Message;
                yield break;
            }

            yield return steps.Current;
        }
    }

    public bool TryAcquire()
    {
        int users;
        do
        {
            users = Volatile.Read(ref _users);
            if (users == 0)
            {
                return false;
            }
        }
        while (Interlocked.CompareExchange(ref _users, users + 1, users) != users);
        return true;
    }

    /// <summary>Ends one use; the last one closes the run.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            _map.Dispose();
            _reader?.Dispose();
        }
    }

    public IndexEntry EntryAt(long index) =>
        MemoryMarshal.Read<IndexEntry>(_map.Slice(Format.EntriesOffset + (index * IndexEntry.Size), IndexEntry.Size));

    /// <summary>False: the key is not in this run. True: it may be, which costs a search to find out.</summary>
    public bool MayContain(in ChunkDigest digest)
    {
        var block = (long)BloomFilter.BlockOf(digest.KeyHigh, Format.BloomBlocks) * BloomFilter.BlockSize;
        return Count > 0 && BloomFilter.MayContain(_map.Slice(RunFormat.HeaderLength + block, BloomFilter.BlockSize), digest.KeyLow);
    }

    public bool TryFind(in ChunkDigest digest, out IndexEntry entry)
    {
        entry = default;
        if (!MayContain(digest))
        {
            return false;
        }

        var (low, high) = Bracket(digest);
        while (low <= high)
        {
            var middle = low + ((high - low) / 2);
            entry = EntryAt(middle);
            var order = entry.KeyHigh.CompareTo(digest.KeyHigh);
            order = order != 0 ? order : entry.KeyLow.CompareTo(digest.KeyLow);
            if (order == 0)
            {
                return true;
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return false;
    }

    public List<PackCoverage> ReadCoverage()
    {
        var list = new List<PackCoverage>(checked((int)Format.CoverageCount));
        for (var i = 0L; i < Format.CoverageCount; i++)
        {
            list.Add(MemoryMarshal.Read<PackCoverage>(_map.Slice(Format.CoverageOffset + (i * PackCoverage.Size), PackCoverage.Size)));
        }

        return list;
    }

    // Digests are uniform, so the place of a key is known to within about the square root of the count, and from the key that is there
    // to within the square root of that: two steps bring it into the right page or the next. Gallop from there.
    private (long Low, long High) Bracket(in ChunkDigest digest)
    {
        var guess = (long)Math.BigMul(digest.KeyHigh, (ulong)Count, out _);
        for (var i = 0; i < Interpolations; i++)
        {
            var key = EntryAt(guess).KeyHigh;
            guess = key < digest.KeyHigh
                ? Math.Min(guess + (long)Math.BigMul(digest.KeyHigh - key, (ulong)Count, out _), Count - 1)
                : Math.Max(guess - (long)Math.BigMul(key - digest.KeyHigh, (ulong)Count, out _), 0);
        }

        var below = EntryAt(guess).KeyHigh < digest.KeyHigh;
        var step = 8L;
        if (below)
        {
            var high = guess + step;
            for (; high < Count && EntryAt(high).KeyHigh < digest.KeyHigh; high += step)
            {
                guess = high;
                step *= 2;
            }

            // Keys that share their first half may follow: leave the upper bound open to the next that is larger.
            return (guess, UpperBound(high, digest.KeyHigh));
        }

        var low = guess - step;
        for (; low >= 0 && EntryAt(low).KeyHigh >= digest.KeyHigh; low -= step)
        {
            step *= 2;
        }

        return (Math.Max(low, 0), UpperBound(guess, digest.KeyHigh));
    }

    private long UpperBound(long index, ulong keyHigh)
    {
        index = Math.Min(index, Count - 1);
        while (index + 1 < Count && EntryAt(index).KeyHigh == keyHigh)
        {
            index++;
        }

        return index;
    }

    private IEnumerable<int> ProveInSteps()
    {
        (long From, long To, uint Crc)[] parts =
        [
            (RunFormat.HeaderLength, Format.EntriesOffset, Format.BloomCrc),
            (Format.EntriesOffset, Format.CoverageOffset, Format.EntriesCrc),
            (Format.CoverageOffset, Format.TrailerOffset, Format.CoverageCrc),
        ];
        foreach (var (from, to, crc) in parts)
        {
            var state = uint.MaxValue;
            for (var offset = from; offset < to;)
            {
                var length = (int)Math.Min(to - offset, 1 << 20);
                state = Crc32C.Append(state, _map.Slice(offset, length));
                offset += length;
                yield return length;
            }

            if (~state != crc)
            {
                throw RepositoryException.Damaged($"{Name}: a checksum does not hold");
            }
        }
    }
}
