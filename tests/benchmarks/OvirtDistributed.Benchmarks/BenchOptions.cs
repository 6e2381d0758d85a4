// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Benchmarks;

/// <summary>What is measured, how often and on what.</summary>
internal sealed record BenchOptions
{
    public const string Full = "full";
    public const string Incremental = "incremental";
    public const string Restore = "restore";

    public required int Rounds { get; init; }

    /// <summary>Size of the test disk; a third of it is data.</summary>
    public required int SizeMiB { get; init; }

    /// <summary>Steps to report; a full backup is always made, because the others build on it.</summary>
    public required IReadOnlyCollection<string> Only { get; init; }

    /// <summary>Beginnings of the names of those to measure; empty = all.</summary>
    public required IReadOnlyCollection<string> Contenders { get; init; }

    public required bool Keep { get; init; }

    public bool Wants(string step) => Only.Count == 0 || Only.Contains(step);

    public bool Admits(string contender) => Contenders.Count == 0 || Contenders.Any(name => contender.StartsWith(name, StringComparison.OrdinalIgnoreCase));
}
