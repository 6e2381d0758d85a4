// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>Whether one disk of a backup is read incrementally, and why not: one rule for the plan and for the job.</summary>
internal readonly record struct DiskReading(bool Incremental, string Reason)
{
    /// <param name="disk">The disk as it is.</param>
    /// <param name="incremental">The backup as a whole is incremental.</param>
    /// <param name="inBase">The restore point below holds the disk.</param>
    /// <param name="rawInBase">It was a raw disk then.</param>
    /// <param name="mode">The transport mode: a snapshot's layer tells the changes of any disk, a checkpoint those of tracked ones.</param>
    public static DiskReading Of(EngineDisk disk, bool incremental, bool inBase, bool rawInBase, string mode) => (incremental, inBase) switch
    {
        (false, _) => new DiskReading(false, ""),
        (_, false) => new DiskReading(false, "the disk is not in the last restore point"),
        _ when mode != TransportModes.Cbt => new DiskReading(true, ""),
        _ when disk.Format == "raw" => new DiskReading(false, "a raw disk is read in full each time: the manager tracks changes of cow disks only"),
        _ when !disk.IncrementalEnabled => new DiskReading(false, "incremental backup is not enabled on the disk: the manager does not track its changes"),
        _ when rawInBase => new DiskReading(false, "the disk was raw at the last backup, whose checkpoint does not have it"),
        _ => new DiskReading(true, ""),
    };
}
