// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Exports;

/// <summary>Which disk of a clone is the copy of which disk. The manager tells by names only: a copy is called after its original and the clone.</summary>
internal static class ExportedImages
{
    /// <summary>What the names of our clones begin with.</summary>
    public const string ClonePrefix = "ovd-export-";

    /// <summary>The clone's name for a job: found again by it.</summary>
    public static string CloneName(Guid jobId) => $"{ClonePrefix}{jobId:N}";

    /// <summary>Why copies of the VM's disks could not be told apart; null when they can.</summary>
    public static string? ExplainNamesakes(EngineVm vm, IReadOnlyList<string> excluded) =>
        vm.Disks.Where(disk => DiskExclusion.Find(disk, excluded) is null).GroupBy(disk => (disk.Alias, disk.SizeBytes)).FirstOrDefault(group => group.Count() > 1) is { } same
            ? $"the VM has {same.Count()} disks of the same size that are named '{same.Key.Alias}', and in an export domain they can be told apart by their names only: rename one on the manager"
            : null;

    /// <returns>Disk id → the copy; disks that the clone lacks are not in it.</returns>
    public static IReadOnlyDictionary<Guid, EngineDisk> Match(IEnumerable<EngineDisk> originals, EngineVm clone)
    {
        var found = new Dictionary<Guid, EngineDisk>();
        foreach (var original in originals)
        {
            var copies = clone.Disks.Where(copy => copy.SizeBytes == original.SizeBytes && (copy.Alias == $"{original.Alias}_{clone.Name}" || copy.Alias == original.Alias)).ToList();
            if (copies is [var copy] && !found.ContainsValue(copy))
            {
                found.Add(original.Id, copy);
            }
        }

        return found;
    }
}
