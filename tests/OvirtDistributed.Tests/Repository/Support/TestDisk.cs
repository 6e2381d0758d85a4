// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Maps;

namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>A disk in memory, made from a seed, that notes which ranges change.</summary>
internal sealed class TestDisk
{
    public const int Block = 64 << 10;

    private readonly SortedSet<long> _dirtyBlocks = [];

    public TestDisk(long size)
    {
        Content = new byte[size];
    }

    public byte[] Content { get; private set; }

    public long Size => Content.Length;

    public TestDisk Fill(long offset, int length, int seed, bool compressible = true)
    {
        var random = new Random(seed);
        random.NextBytes(Content.AsSpan((int)offset, length));
        if (compressible)
        {
            // Two thirds of every KiB repeat, as text and code do.
            for (var i = 0; i + 1024 <= length; i += 1024)
            {
                Content.AsSpan((int)offset + i, 340).CopyTo(Content.AsSpan((int)offset + i + 340, 340));
                Content.AsSpan((int)offset + i, 340).CopyTo(Content.AsSpan((int)offset + i + 680, 340));
            }
        }

        return Touch(offset, length);
    }

    public TestDisk Zero(long offset, int length)
    {
        Content.AsSpan((int)offset, length).Clear();
        return Touch(offset, length);
    }

    public TestDisk Grow(long size)
    {
        var old = Content.Length;
        var content = Content;
        Array.Resize(ref content, (int)size);
        Content = content;
        return Touch(old, (int)(size - old));
    }

    /// <summary>All data, holes of whole blocks left out: what a full backup reads.</summary>
    public List<DiskRange> DataExtents() => Join(Enumerable.Range(0, (int)((Size + Block - 1) / Block))
        .Where(block => Content.AsSpan(block * Block, BlockLength(block)).ContainsAnyExcept((byte)0)).Select(block => (long)block));

    /// <summary>What changed since the last call.</summary>
    public List<DiskRange> TakeDirty()
    {
        var dirty = Join(_dirtyBlocks);
        _dirtyBlocks.Clear();
        return dirty;
    }

    private TestDisk Touch(long offset, int length)
    {
        for (var block = offset / Block; block * Block < offset + length; block++)
        {
            _dirtyBlocks.Add(block);
        }

        return this;
    }

    private int BlockLength(long block) => (int)Math.Min(Block, Size - (block * Block));

    private List<DiskRange> Join(IEnumerable<long> blocks)
    {
        var ranges = new List<DiskRange>();
        foreach (var block in blocks)
        {
            if (ranges.Count > 0 && ranges[^1].End == block * Block)
            {
                ranges[^1] = ranges[^1] with { Length = ranges[^1].Length + BlockLength(block) };
            }
            else
            {
                ranges.Add(new DiskRange(block * Block, BlockLength(block)));
            }
        }

        return ranges;
    }
}
