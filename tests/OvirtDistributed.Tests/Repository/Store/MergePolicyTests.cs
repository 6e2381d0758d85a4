// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Index;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>How often entries are written again, and how many runs there are, as an index grows to sizes no test can write.</summary>
public sealed class MergePolicyTests
{
    private static readonly int FanIn = new RepositoryStoreOptions().RunsPerTier;

    [Theory]
    [InlineData(100_000_000, 263_000, 263_000)] // one long backup: tables are written when they are full
    [InlineData(400_000_000, 263_000, 263_000)]
    [InlineData(100_000_000, 24_000, 24_000)] // incremental backups of 3 GB, each with a commit
    [InlineData(100_000_000, 1_000, 263_000)] // all sizes
    [InlineData(400_000_000, 1_000, 263_000)]
    public void IndexGrows_EntriesAreWrittenLessThanFourTimesAndRunsStayFew(long entries, int smallest, int largest)
    {
        var random = new Random(7);
        var runs = new List<long>();
        var (total, written, most) = (0L, 0L, 0);
        while (total < entries)
        {
            var size = random.Next(smallest, largest + 1);
            runs.Add(size);
            total += size;
            written += size + MergeAll(runs);
            most = Math.Max(most, runs.Count);
        }

        Assert.Equal(total, runs.Sum());
        Assert.InRange((double)written / total, 1, 4);
        Assert.InRange(most, 1, 4 * FanIn);
    }

    [Fact]
    public void LargeRunAndFewSmallOnes_TheLargeOneIsLeftAlone()
    {
        List<long> runs = [50_000_000, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1100];
        Assert.Equal(0, Choose(runs).Count);
        runs.Add(1200);
        Assert.Equal((1, FanIn), Choose(runs));
    }

    [Fact]
    public void NoRunsOrOne_NothingIsMerged()
    {
        Assert.Equal(0, Choose([]).Count);
        Assert.Equal(0, Choose([1]).Count);
    }

    private static long MergeAll(List<long> runs)
    {
        var written = 0L;
        for (var (first, count) = Choose(runs); count > 0; (first, count) = Choose(runs))
        {
            var merged = runs.Skip(first).Take(count).Sum();
            runs.RemoveRange(first, count);
            runs.Insert(first, merged);
            written += merged;
        }

        return written;
    }

    private static (int First, int Count) Choose(List<long> runs) => MergePolicy.Choose(CollectionsMarshal.AsSpan(runs), FanIn);
}
