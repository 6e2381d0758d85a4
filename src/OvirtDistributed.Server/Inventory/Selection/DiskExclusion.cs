// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory.Selection;

/// <summary>Disks that are left out of a backup by id, alias or pattern of aliases.</summary>
internal static class DiskExclusion
{
    /// <summary>The first rule that leaves the disk out; null when none does.</summary>
    public static string? Find(EngineDisk disk, IReadOnlyList<string> rules) => rules.FirstOrDefault(rule => Matches(disk, rule));

    public static bool Matches(EngineDisk disk, string rule) =>
        string.Equals(rule, disk.Alias, StringComparison.OrdinalIgnoreCase)
        || (Guid.TryParse(rule, out var id) && id == disk.Id)
        || (NamePattern.IsPattern(rule) && NamePattern.Matches(rule, disk.Alias));
}
