// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>Decides whether a disk of a point can be written onto a disk that a VM has. The disk stays what it is; only what it holds changes.</summary>
internal static class RestoreInPlacePlanner
{
    /// <param name="disk">In the point.</param>
    /// <param name="old">The VM's disk that was found for it; null when there is none.</param>
    /// <param name="target">The VM.</param>
    /// <param name="domains">Of the VM's data center.</param>
    /// <returns>The disk, or why it cannot be done.</returns>
    public static (RestoredDisk? Disk, string Problem) Plan(ManifestDisk disk, ReplacedDisk? old, EngineVm target, IReadOnlyList<EngineStorageDomain> domains)
    {
        if (old is null)
        {
            return (null, $"VM {target.Name} has no disk {disk.Alias} ({disk.DiskId}): restore it as a new disk (without --in-place).");
        }

        var current = target.Disks.First(candidate => candidate.Id == old.DiskId);
        if (current.SizeBytes < disk.Root.DiskSize)
        {
            return (null, $"Disk {current.Alias} of VM {target.Name} has {current.SizeBytes} bytes, the restore point's {disk.Root.DiskSize}: extend it on the manager, or restore it as a new disk (without --in-place).");
        }

        if (domains.FirstOrDefault(candidate => candidate.Id == current.StorageDomainId) is not { } domain)
        {
            return (null, $"Disk {current.Alias} of VM {target.Name} is on storage domain {current.StorageDomainId}, which is not in the inventory: refresh it (ovd manager inventory --refresh).");
        }

        var plan = new RestoreDiskPlan
        {
            StorageDomainId = domain.Id,
            Format = current.Format,
            Sparse = current.Sparse,
            IncrementalEnabled = current.IncrementalEnabled,
            Interface = old.Interface,
            Bootable = old.Bootable,
            Active = old.Active,
            InPlaceDiskId = current.Id,
            InPlaceSizeBytes = current.SizeBytes,
        };
        return (new RestoredDisk(disk, plan, domain, current.SizeBytes, old), "");
    }
}
