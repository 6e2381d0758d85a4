// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Inventory;

namespace OvirtDistributed.Ovirt.Engine.Disks;

/// <summary>Format, allocation and incremental-backup setting of a disk: the three that must fit each other and the storage.</summary>
public sealed record DiskConfiguration(DiskFormat Format, bool Sparse, bool IncrementalBackup)
{
    /// <summary>Whether the engine accepts this configuration on that storage (the rules of its disk creation).</summary>
    /// <remarks>
    /// raw with incremental backup: never. raw and sparse: not on iSCSI or Fibre Channel.
    /// cow and preallocated: only with incremental backup.
    /// </remarks>
    public bool IsLegalOn(StorageType storage) => LegalOn(storage).Changes.Count == 0;

    /// <summary>The nearest legal configuration, with a sentence for the operator for each change; this one with no changes when it is legal.</summary>
    /// <remarks>
    /// raw sparse on block storage becomes preallocated. raw loses incremental backup, rather than turning to cow:
    /// the format is what the operator or the original disk chose. cow preallocated without incremental backup becomes sparse.
    /// </remarks>
    public LegalDiskConfiguration LegalOn(StorageType storage)
    {
        var result = this;
        var changes = new List<string>();
        if (result is { Format: DiskFormat.Raw, IncrementalBackup: true })
        {
            result = result with { IncrementalBackup = false };
            changes.Add("Incremental backup is switched off: the engine offers it for cow disks only.");
        }

        if (result is { Format: DiskFormat.Raw, Sparse: true } && IsBlock(storage))
        {
            result = result with { Sparse = false };
            changes.Add($"Allocation is changed from sparse to preallocated: raw sparse disks are not supported on {(storage == StorageType.Iscsi ? "iSCSI" : "Fibre Channel")} storage.");
        }

        if (result is { Format: DiskFormat.Cow, Sparse: false, IncrementalBackup: false })
        {
            result = result with { Sparse = true };
            changes.Add("Allocation is changed from preallocated to sparse: a preallocated cow disk is legal only with incremental backup.");
        }

        return new LegalDiskConfiguration(result, changes);
    }

    /// <summary>Whether ranges never written read as zeroes on a new disk, so that a restore need not write zeroes.</summary>
    /// <remarks>False only for raw preallocated on block storage, where the logical volume keeps what was there before.</remarks>
    public bool StartsZeroedOn(StorageType storage) => Format == DiskFormat.Cow || !IsBlock(storage);

    internal static bool IsBlock(StorageType storage) => storage is StorageType.Iscsi or StorageType.Fcp;
}

/// <param name="Configuration">What to create.</param>
/// <param name="Changes">Why it differs from what was asked; empty when it does not.</param>
public sealed record LegalDiskConfiguration(DiskConfiguration Configuration, IReadOnlyList<string> Changes);
