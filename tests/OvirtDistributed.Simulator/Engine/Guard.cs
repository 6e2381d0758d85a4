// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>Refusals several commands share. <c>action</c> is the beginning of the message, for example "Cannot create Snapshot".</summary>
internal static class Guard
{
    public static void VmFree(Vm vm, string action)
    {
        if (vm.LockedBy is { } reason)
        {
            throw ApiFault.Conflict($"{action}: {reason}");
        }

        if (vm.Status == VmStatus.ImageLocked)
        {
            throw ApiFault.Conflict($"{action}: VM is locked. Please try again in a few minutes.");
        }
    }

    public static void NoSnapshotWork(Vm vm, string action)
    {
        if (vm.Snapshots.Exists(s => s.Status == SnapshotStatus.Locked))
        {
            throw ApiFault.Conflict($"{action}: The VM is performing an operation on a Snapshot. Please wait for the operation to finish, and try again.");
        }
    }

    /// <summary>A live or cold backup blocks the command; a hybrid one does not.</summary>
    public static void NotDuringBackup(Vm vm, string action)
    {
        if (vm.Backups.Exists(b => !b.Ended && b.Kind != BackupKind.Hybrid))
        {
            throw ApiFault.Conflict($"{action}: The VM is during a backup operation.");
        }
    }

    public static void DiskUnlocked(Disk disk, string action)
    {
        if (disk.Status == DiskStatus.Locked)
        {
            throw ApiFault.Conflict($"{action}: Disk is locked. Please try again later.");
        }
    }

    public static void DisksUnlocked(IEnumerable<Disk> disks, string action)
    {
        var locked = disks.Where(d => d.Status == DiskStatus.Locked).Select(d => d.Name).ToList();
        if (locked.Count > 0)
        {
            throw ApiFault.Conflict(
                $"{action}: The following disks are locked: {string.Join(',', locked)}. Please try again in a few minutes.");
        }
    }

    public static void DisksLegal(IEnumerable<Disk> disks, string action)
    {
        var illegal = disks.Where(d => d.Status == DiskStatus.Illegal).Select(d => d.Name).ToList();
        if (illegal.Count > 0)
        {
            throw ApiFault.Internal(
                $"{action}: The following attached disks are in ILLEGAL status: {string.Join(',', illegal)} - please remove them and try again.");
        }
    }

    public static void NotTransferred(EngineState state, Disk disk, string action)
    {
        if (state.OpenTransfersOf(disk.Id).Any())
        {
            throw ApiFault.Conflict($"{action}: Disk {disk.Name} is being transferred. Please try again when the transfer is finished.");
        }
    }

    public static void DomainActive(StorageDomain domain, string action)
    {
        if (domain.Status != "active")
        {
            throw ApiFault.Conflict($"{action}: The relevant Storage Domain is inaccessible. -Please handle Storage Domain issues and retry the operation.");
        }
    }
}
