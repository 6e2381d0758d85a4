// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>What a backup does with a range of the disk.</summary>
internal enum RangeKind : byte
{
    /// <summary>Nothing: it stands in the base, or is zero where there is no base.</summary>
    Keep = 0,

    /// <summary>Recorded as zero without reading it.</summary>
    Zero,

    /// <summary>Read from the source.</summary>
    Read,
}

/// <summary>A range of the disk and what to do with it.</summary>
internal readonly record struct WorkRange(long Offset, long Length, RangeKind Kind)
{
    public long End => Offset + Length;

    /// <summary>Cuts the range in two.</summary>
    /// <param name="position">On the disk, within the range.</param>
    /// <param name="before">The part in front of it.</param>
    /// <returns>The part from there on.</returns>
    public WorkRange SplitAt(long position, out WorkRange before)
    {
        before = this with { Length = position - Offset };
        return this with { Offset = position, Length = End - position };
    }
}
