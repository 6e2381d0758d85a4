// SPDX-License-Identifier: Apache-2.0

using System.Security.Cryptography;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>A disk of any size of which only the written blocks take memory. Knows which blocks changed since a moment. Thread-safe.</summary>
internal sealed class SparseImage(long size)
{
    public const int BlockBytes = 64 << 10;

    private readonly Lock _lock = new();
    private readonly SortedDictionary<long, byte[]> _blocks = [];
    private readonly SortedSet<long> _dirty = [];

    public long Size { get; } = size;

    /// <summary>Forgets what is dirty: the moment a checkpoint was made.</summary>
    public void MarkClean()
    {
        lock (_lock)
        {
            _dirty.Clear();
        }
    }

    public void Fill(long offset, int length, int seed)
    {
        var data = new byte[length];
        new Random(seed).NextBytes(data);
        Write(offset, data);
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        lock (_lock)
        {
            while (data.Length > 0)
            {
                var index = offset / BlockBytes;
                var start = (int)(offset % BlockBytes);
                var part = Math.Min(BlockBytes - start, data.Length);
                if (!_blocks.TryGetValue(index, out var block))
                {
                    block = new byte[BlockBytes];
                    _blocks.Add(index, block);
                }

                data[..part].CopyTo(block.AsSpan(start));
                _dirty.Add(index);
                data = data[part..];
                offset += part;
            }
        }
    }

    /// <summary>Makes whole blocks zero and unallocated again.</summary>
    public void Trim(long offset, long length)
    {
        lock (_lock)
        {
            for (var index = offset / BlockBytes; index < (offset + length) / BlockBytes; index++)
            {
                _blocks.Remove(index);
                _dirty.Add(index);
            }
        }
    }

    public void Read(long offset, Span<byte> destination)
    {
        lock (_lock)
        {
            while (destination.Length > 0)
            {
                var start = (int)(offset % BlockBytes);
                var part = Math.Min(BlockBytes - start, destination.Length);
                if (_blocks.TryGetValue(offset / BlockBytes, out var block))
                {
                    block.AsSpan(start, part).CopyTo(destination);
                }
                else
                {
                    destination[..part].Clear();
                }

                destination = destination[part..];
                offset += part;
            }
        }
    }

    /// <summary>Extents from 0 to the size: neighbours of one sort joined.</summary>
    public List<(long Start, long Length, bool Zero, bool Dirty)> Extents(bool changes)
    {
        lock (_lock)
        {
            var edges = new SortedSet<long>(_blocks.Keys.Concat(changes ? _dirty : []));
            var extents = new List<(long Start, long Length, bool Zero, bool Dirty)>();
            var position = 0L;
            foreach (var index in edges)
            {
                Append(extents, position, (index * BlockBytes) - position, zero: true, dirty: false);
                var end = Math.Min((index + 1) * BlockBytes, Size);
                Append(extents, index * BlockBytes, end - (index * BlockBytes), !_blocks.ContainsKey(index), changes && _dirty.Contains(index));
                position = end;
            }

            Append(extents, position, Size - position, zero: true, dirty: false);
            return extents;
        }
    }

    public long AllocatedBytes
    {
        get
        {
            lock (_lock)
            {
                return _blocks.Keys.Sum(index => Math.Min(BlockBytes, Size - (index * BlockBytes)));
            }
        }
    }

    public SparseImage Clone(long? size = null)
    {
        lock (_lock)
        {
            var copy = new SparseImage(size ?? Size);
            foreach (var (index, block) in _blocks)
            {
                copy._blocks.Add(index, [.. block]);
            }

            return copy;
        }
    }

    /// <summary>Where the content differs first; -1 when it is the same.</summary>
    public long FirstDifference(SparseImage other)
    {
        if (other.Size != Size)
        {
            return Math.Min(Size, other.Size);
        }

        var mine = new byte[BlockBytes];
        var theirs = new byte[BlockBytes];
        foreach (var index in new SortedSet<long>(_blocks.Keys.Concat(other._blocks.Keys)))
        {
            var length = (int)Math.Min(BlockBytes, Size - (index * BlockBytes));
            Read(index * BlockBytes, mine.AsSpan(0, length));
            other.Read(index * BlockBytes, theirs.AsSpan(0, length));
            var same = mine.AsSpan(0, length).CommonPrefixLength(theirs.AsSpan(0, length));
            if (same < length)
            {
                return (index * BlockBytes) + same;
            }
        }

        return -1;
    }

    /// <summary>ImageIO's checksum: the digest of the blocks' digests.</summary>
    public string Checksum(int blockBytes)
    {
        using var whole = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var block = new byte[blockBytes];
        for (var offset = 0L; offset < Size; offset += blockBytes)
        {
            var length = (int)Math.Min(blockBytes, Size - offset);
            Read(offset, block.AsSpan(0, length));
            whole.AppendData(SHA256.HashData(block.AsSpan(0, length)));
        }

        return Convert.ToHexStringLower(whole.GetHashAndReset());
    }

    private static void Append(List<(long Start, long Length, bool Zero, bool Dirty)> extents, long start, long length, bool zero, bool dirty)
    {
        if (length <= 0)
        {
            return;
        }

        if (extents.Count > 0 && extents[^1] is var last && last.Zero == zero && last.Dirty == dirty)
        {
            extents[^1] = last with { Length = last.Length + length };
        }
        else
        {
            extents.Add((start, length, zero, dirty));
        }
    }
}
