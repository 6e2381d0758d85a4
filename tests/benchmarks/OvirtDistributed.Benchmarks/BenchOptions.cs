// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks;

/// <summary>What is measured, how often and on what.</summary>
internal sealed record BenchOptions
{
    public const string Full = "full";
    public const string Incremental = "incremental";
    public const string Restore = "restore";

    /// <summary>What the machine does without any of us.</summary>
    public const string Limit = "limit";

    /// <summary>Memory at four times the disk.</summary>
    public const string Size = "size";

    /// <summary>Several VMs at once on one Data Mover.</summary>
    public const string Parallel = "parallel";

    /// <summary>Restore after a simulated year.</summary>
    public const string Year = "year";

    public static readonly string[] Steps = [Full, Incremental, Restore, Limit, Size, Parallel, Year];

    public required int Rounds { get; init; }

    /// <summary>Size of the test disk; a third of it is data.</summary>
    public required int SizeMiB { get; init; }

    /// <summary>Steps to report, empty = all. With an incremental or a restore a full backup is made too, because they build on it.</summary>
    public required IReadOnlyCollection<string> Only { get; init; }

    /// <summary>Beginnings of the names of those to measure; empty = all.</summary>
    public required IReadOnlyCollection<string> Contenders { get; init; }

    /// <summary>Days of the simulated year.</summary>
    public required int Days { get; init; }

    public required bool Keep { get; init; }

    /// <summary>Whether any step is measured against rivals.</summary>
    public bool WantsRivals => Wants(Full) || Wants(Incremental) || Wants(Restore);

    public bool Wants(string step) => Only.Count == 0 || Only.Contains(step);

    public bool Admits(string contender) => Contenders.Count == 0 || Contenders.Any(name => contender.StartsWith(name, StringComparison.OrdinalIgnoreCase));
}
