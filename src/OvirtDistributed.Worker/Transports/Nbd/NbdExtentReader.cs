// SPDX-License-Identifier: Apache-2.0

using System.Runtime.CompilerServices;

namespace OvirtDistributed.Worker.Transports.Nbd;

/// <summary>A run of an image with one state.</summary>
/// <param name="Offset">First byte.</param>
/// <param name="Length">Bytes.</param>
/// <param name="IsZero">Reads as zeroes.</param>
/// <param name="Depth">Which layer holds it, the top one being 1; 0 when none does; null when the server does not say.</param>
internal readonly record struct NbdImageExtent(long Offset, long Length, bool IsZero, uint? Depth)
{
    public long End => Offset + Length;

    public bool IsLike(NbdImageExtent other) => IsZero == other.IsZero && Depth == other.Depth;
}

/// <summary>Walks an export's block status.</summary>
internal static class NbdExtentReader
{
    // Bounds what one answer of a fragmented image takes; the protocol's own limit is just under 4 GiB.
    private const long StepBytes = 2L << 30;

    /// <summary>In order, without gaps from 0 to the export's size, and neighbours differ. One extent of data where the server gives no status.</summary>
    /// <exception cref="NbdException">The server broke off, or sent no status.</exception>
    public static async IAsyncEnumerable<NbdImageExtent> ReadAsync(NbdClient client, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!client.HasContext(NbdContexts.BaseAllocation))
        {
            yield return new NbdImageExtent(0, client.SizeBytes, IsZero: false, Depth: null);
            yield break;
        }

        var hasDepth = client.HasContext(NbdContexts.AllocationDepth);
        NbdImageExtent? current = null;
        for (var offset = 0L; offset < client.SizeBytes;)
        {
            var status = await client.BlockStatusAsync(offset, (uint)Math.Min(StepBytes, client.SizeBytes - offset), cancellationToken);
            var started = offset;
            foreach (var (length, allocation, depth) in Merge(status.Of(NbdContexts.BaseAllocation), hasDepth ? status.Of(NbdContexts.AllocationDepth) : null))
            {
                // The last extent of an answer may reach beyond the export.
                var extent = new NbdImageExtent(offset, Math.Min(length, client.SizeBytes - offset), (allocation & NbdContexts.ReadsZero) != 0, depth);
                offset = extent.End;
                if (current is { } previous && !previous.IsLike(extent))
                {
                    yield return previous;
                    current = extent;
                }
                else
                {
                    current = current is { } same ? same with { Length = same.Length + extent.Length } : extent;
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

        yield return current!.Value;
    }

    /// <summary>Cuts two lists at each other's borders; ends with the shorter one.</summary>
    private static IEnumerable<(uint Length, uint First, uint? Second)> Merge(IReadOnlyList<NbdExtent> first, IReadOnlyList<NbdExtent>? second)
    {
        var (i, j) = (0, 0);
        uint usedFirst = 0, usedSecond = 0;
        while (i < first.Count && (second is null || j < second.Count))
        {
            var length = first[i].LengthBytes - usedFirst;
            if (second is not null)
            {
                length = Math.Min(length, second[j].LengthBytes - usedSecond);
            }

            if (length > 0)
            {
                yield return (length, first[i].Flags, second?[j].Flags);
            }

            usedFirst += length;
            usedSecond += length;
            if (usedFirst == first[i].LengthBytes)
            {
                (i, usedFirst) = (i + 1, 0);
            }

            if (second is not null && usedSecond == second[j].LengthBytes)
            {
                (j, usedSecond) = (j + 1, 0);
            }
        }
    }
}
