// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Transports;

namespace OvirtDistributed.Worker.Pipeline;

/// <summary>What is read of a disk, from the source's extents.</summary>
internal static class BackupPlan
{
    /// <summary>Full: every data extent. What reads as zero is left out; without a base that means zero.</summary>
    public static async Task<RangeSpool> FullAsync(IDiskSource source, PipelineOptions options, CancellationToken cancellationToken)
    {
        var plan = NewSpool(options);
        try
        {
            var aligner = new RangeAligner(source.SizeBytes, plan);
            var position = 0L;
            await foreach (var extent in source.ListExtentsAsync(changes: false, cancellationToken))
            {
                position = CheckNext(extent, position, source.SizeBytes);
                aligner.Add(new WorkRange(extent.Offset, extent.Length, extent.IsZero ? RangeKind.Keep : RangeKind.Read));
            }

            CheckEnd(position, source.SizeBytes);
            aligner.Finish();
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Incremental: dirty extents are read, or recorded as zero where they read as zero (a trim). Damaged ranges of the base, and what lies
    /// beyond the base's size, are taken from the source whatever the changes say.
    /// </summary>
    /// <remarks>What is to be written anew is read too unless it changed to zeroes; one stretch with the changes beside it, so that it is cut afresh as a whole.</remarks>
    public static async Task<RangeSpool> IncrementalAsync(
        IDiskSource source, BaseRanges ranges, PipelineOptions options, CancellationToken cancellationToken)
    {
        var forced = Forced(source.SizeBytes, ranges.Size, ranges.Damaged);
        using var zeroes = forced.Count == 0 ? null : await ListZeroesAsync(source, options, cancellationToken);
        var plan = NewSpool(options);
        try
        {
            var aligner = new RangeAligner(source.SizeBytes, plan);
            using var sweep = new ForcedRangeSweep(forced, zeroes, aligner);
            var anew = new RangeOverlay(ranges.Rewritten, range => sweep.Add(ReadAnew(range, plan)), sweep.Add);
            var position = 0L;
            await foreach (var extent in source.ListExtentsAsync(changes: true, cancellationToken))
            {
                position = CheckNext(extent, position, source.SizeBytes);
                var kind = !extent.IsDirty ? RangeKind.Keep : extent.IsZero ? RangeKind.Zero : RangeKind.Read;
                anew.Add(new WorkRange(extent.Offset, extent.Length, kind));
            }

            CheckEnd(position, source.SizeBytes);
            aligner.Finish();
            return plan;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    private static WorkRange ReadAnew(WorkRange range, RangeSpool plan)
    {
        if (range.Kind != RangeKind.Keep)
        {
            return range;
        }

        plan.RewrittenBytes += range.Length;
        return range with { Kind = RangeKind.Read };
    }

    private static RangeSpool NewSpool(PipelineOptions options) => new(options.SpoolDirectory, options.ExtentsInMemory);

    private static async Task<RangeSpool> ListZeroesAsync(IDiskSource source, PipelineOptions options, CancellationToken cancellationToken)
    {
        var list = NewSpool(options);
        try
        {
            var position = 0L;
            await foreach (var extent in source.ListExtentsAsync(changes: false, cancellationToken))
            {
                position = CheckNext(extent, position, source.SizeBytes);
                list.Add(new WorkRange(extent.Offset, extent.Length, extent.IsZero ? RangeKind.Zero : RangeKind.Read));
            }

            CheckEnd(position, source.SizeBytes);
            return list;
        }
        catch
        {
            list.Dispose();
            throw;
        }
    }

    /// <summary>The ranges the changes do not decide: ascending, disjoint, within the disk.</summary>
    private static List<DiskRange> Forced(long size, long baseSize, IReadOnlyList<DiskRange> damaged)
    {
        var ranges = damaged
            .Where(range => range.Length > 0 && range.Offset < size)
            .Select(range => new DiskRange(range.Offset, Math.Min(range.End, size) - range.Offset))
            .ToList();
        if (baseSize < size)
        {
            ranges.Add(new DiskRange(baseSize, size - baseSize));
        }

        ranges.Sort((left, right) => left.Offset.CompareTo(right.Offset));
        var joined = new List<DiskRange>();
        foreach (var range in ranges)
        {
            if (joined.Count > 0 && joined[^1].End >= range.Offset)
            {
                var last = joined[^1];
                joined[^1] = last with { Length = Math.Max(last.End, range.End) - last.Offset };
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }

    private static long CheckNext(in SourceExtent extent, long position, long size)
    {
        // A gap would silently become zeroes or old content: better no backup than a wrong one.
        if (extent.Offset != position || extent.Length <= 0 || extent.End > size)
        {
            throw new TaskFailureException(
                FailureCode.SourceFailed,
                $"The source's extent list cannot be used: extent {extent.Offset}+{extent.Length} follows position {position} of a disk of {size} bytes.");
        }

        return extent.End;
    }

    private static void CheckEnd(long position, long size)
    {
        if (position != size)
        {
            throw new TaskFailureException(
                FailureCode.SourceFailed, $"The source's extent list ends at {position} of a disk of {size} bytes.");
        }
    }
}
