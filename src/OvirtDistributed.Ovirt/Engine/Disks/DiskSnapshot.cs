// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Disks;

/// <summary>One layer of a disk. Follow <paramref name="Parent"/> for the order of the chain.</summary>
public sealed record DiskSnapshot(
    ImageId Id,
    DiskId? Disk,
    ImageId? Parent,
    SnapshotId? Snapshot,
    DiskStatus Status,
    DiskFormat Format,
    bool Sparse,
    long? ProvisionedSizeBytes,
    long? ActualSizeBytes,
    StorageDomainId? StorageDomain);
