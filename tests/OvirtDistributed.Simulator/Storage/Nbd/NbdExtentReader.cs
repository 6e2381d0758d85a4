// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace OvirtDistributed.Simulator.Storage.Nbd;

/// <summary>A run of an image with one state. <paramref name="Hole"/> = no layer of the export allocates it.</summary>
public readonly record struct ImageExtent(long StartBytes, long LengthBytes, bool Zero, bool Hole, bool Dirty)
{
    public long EndBytes => StartBytes + LengthBytes;

    internal bool SameState(ImageExtent other) => Zero == other.Zero && Hole == other.Hole && Dirty == other.Dirty;
}

/// <summary>Walks an export's block status. Extents are in order, without gaps, and neighbours differ.</summary>
internal static class NbdExtentReader
{
    /// <summary>Bounds what one answer of a fragmented image takes; the protocol's own limit is just under 4 GiB.</summary>
    private const long StepBytes = 2L << 30;

    /// <summary>Combines the meta contexts of the connection: zero always, then dirty or hole as asked.</summary>
    public static async IAsyncEnumerable<ImageExtent> ReadAsync(NbdClient client, bool dirty, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var second = dirty ? client.DirtyBitmapContext : client.HasContext(NbdContexts.AllocationDepth) ? NbdContexts.AllocationDepth : null;
        ImageExtent? current = null;
        long offset = 0;
        while (offset < client.SizeBytes)
        {
            var step = (uint)Math.Min(StepBytes, client.SizeBytes - offset);
            var status = await client.BlockStatusAsync(offset, step, cancellationToken);
            var started = offset;
            foreach (var (length, allocation, other) in Merge(status.Of(NbdContexts.BaseAllocation), second is null ? null : status.Of(second)))
            {
                // The last extent of an answer may reach beyond the export.
                var extent = State(offset, Math.Min(length, client.SizeBytes - offset), allocation, second is null ? null : other, dirty);
                offset = extent.EndBytes;
                if (current is { } previous && !previous.SameState(extent))
                {
                    yield return previous;
                    current = extent;
                }
                else
                {
                    current = current is { } same ? same with { LengthBytes = same.LengthBytes + extent.LengthBytes } : extent;
                }

                if (offset >= client.SizeBytes)
                {
                    break;
                }
            }

            if (offset == started)
            {
                throw new NbdException($"The server gave no status of the range at {offset}.");
            }
        }

        if (current is { } last)
        {
            yield return last;
        }
    }

    private static ImageExtent State(long start, long length, uint allocation, uint? other, bool dirty)
    {
        var zero = (allocation & NbdContexts.ReadsZero) != 0;
        return dirty
            ? new ImageExtent(start, length, zero, Hole: false, (other & NbdContexts.Dirty) != 0)
            : new ImageExtent(start, length, zero, other == 0, Dirty: false);
    }

    /// <summary>Cuts two lists at each other's borders; ends with the shorter one.</summary>
    private static IEnumerable<(uint Length, uint First, uint Second)> Merge(IReadOnlyList<NbdExtent> first, IReadOnlyList<NbdExtent>? second)
    {
        if (second is null)
        {
            foreach (var extent in first)
            {
                yield return (extent.LengthBytes, extent.Flags, 0);
            }

            yield break;
        }

        var (i, j) = (0, 0);
        uint usedFirst = 0, usedSecond = 0;
        while (i < first.Count && j < second.Count)
        {
            var length = Math.Min(first[i].LengthBytes - usedFirst, second[j].LengthBytes - usedSecond);
            if (length > 0)
            {
                yield return (length, first[i].Flags, second[j].Flags);
            }

            usedFirst += length;
            usedSecond += length;
            if (usedFirst == first[i].LengthBytes)
            {
                (i, usedFirst) = (i + 1, 0);
            }

            if (usedSecond == second[j].LengthBytes)
            {
                (j, usedSecond) = (j + 1, 0);
            }
        }
    }
}
