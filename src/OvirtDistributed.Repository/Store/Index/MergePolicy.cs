// SPDX-License-Identifier: Apache-2.0
namespace OvirtDistributed.Repository.Store.Index;

/// <summary>Which neighbouring runs are merged: those of about one size, so that each entry is written again once per size and not once per merge.</summary>
internal static class MergePolicy
{
    // Smaller runs count as this large: rewriting them costs nothing, many files do.
    private const int Smallest = 4096;

    // Runs are of one size when the largest is less than fan-in ^ this as large as the smallest. Below 1, so that the result of a merge
    // is above its sources' level and waits for others like itself; above 0.5, so that runs of commits of all sizes find neighbours.
    private const double Span = 0.75;

    /// <summary>First and number of the runs to merge; a number of 0: none.</summary>
    /// <param name="entries">Entries of each run, oldest first. Only neighbours can be merged: newer runs win.</param>
    /// <param name="fanIn">How many are merged at a time.</param>
    public static (int First, int Count) Choose(ReadOnlySpan<long> entries, int fanIn)
    {
        var levels = new double[entries.Length];
        for (var i = 0; i < entries.Length; i++)
        {
            levels[i] = Math.Log(Math.Max(entries[i], Smallest), fanIn);
        }

        for (var first = 0; first < levels.Length;)
        {
            // From the largest of what is left down to its level's floor, as far as the last that reaches it: smaller ones between go along.
            var floor = Highest(levels.AsSpan(first)) - Span;
            var end = levels.Length;
            while (levels[end - 1] < floor)
            {
                end--;
            }

            if (end - first >= fanIn)
            {
                return (first, fanIn);
            }

            first = end;
        }

        return (0, 0);
    }

    private static double Highest(ReadOnlySpan<double> levels)
    {
        var highest = levels[0];
        foreach (var level in levels)
        {
            highest = Math.Max(highest, level);
        }

        return highest;
    }
}
