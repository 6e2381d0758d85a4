// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>Rules that say which VMs of a manager are meant: the union of what includes, less what excludes. Stored as it was written, resolved when it is used.</summary>
internal sealed record VmSelection
{
    /// <summary>Names or ids.</summary>
    public IReadOnlyList<string> Vms { get; init; } = [];

    /// <summary>Patterns of names, see <see cref="NamePattern"/>.</summary>
    public IReadOnlyList<string> Patterns { get; init; } = [];

    /// <summary>Names or ids of tags. A tag stands for those below it too, as in the manager's search.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Names or ids.</summary>
    public IReadOnlyList<string> Clusters { get; init; } = [];

    /// <summary>Names, ids or patterns. Stronger than anything that includes.</summary>
    public IReadOnlyList<string> ExcludedVms { get; init; } = [];

    /// <summary>Names or ids of tags. Stronger than anything that includes.</summary>
    public IReadOnlyList<string> ExcludedTags { get; init; } = [];

    /// <summary>Names, ids or patterns of disks that are left out of every VM.</summary>
    public IReadOnlyList<string> ExcludedDisks { get; init; } = [];

    /// <summary>Whether what it means depends on what the manager holds, and not on names alone.</summary>
    public bool HasRules => Patterns.Count + Tags.Count + Clusters.Count + ExcludedTags.Count > 0;

    public static VmSelection Of(params IReadOnlyList<string> vms) => new() { Vms = vms };
}
