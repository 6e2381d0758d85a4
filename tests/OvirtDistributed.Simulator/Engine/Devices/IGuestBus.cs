// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine.Devices;

/// <summary>How the guest of a VM gets to see disks that are plugged to the VM. Calls for one VM come one after another.</summary>
public interface IGuestBus
{
    /// <summary>Shows a disk to the guest.</summary>
    /// <exception cref="Storage.StorageException">The guest does not get it.</exception>
    Task PlugAsync(GuestDisk disk, CancellationToken cancellationToken);

    /// <summary>Takes a disk from the guest: it has let it go when this returns. Nothing happens when it has none.</summary>
    /// <exception cref="Storage.StorageException">The guest keeps it.</exception>
    Task UnplugAsync(GuestDisk disk, CancellationToken cancellationToken);
}

/// <summary>A disk of a guest.</summary>
/// <param name="DiskId">The disk.</param>
/// <param name="Serial">By what udev in the guest names it: the disk's id, or the beginning of it.</param>
/// <param name="LinkName">What udev in the guest calls its link.</param>
/// <param name="Path">A block device of this machine that holds its data.</param>
/// <param name="ReadOnly">True when the guest may not write.</param>
public sealed record GuestDisk(Guid DiskId, string Serial, string LinkName, string Path, bool ReadOnly);
