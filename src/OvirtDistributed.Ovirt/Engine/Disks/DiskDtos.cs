// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;

namespace OvirtDistributed.Ovirt.Engine.Disks;

internal sealed class DiskDto
{
    public string? Id { get; init; }

    public string? Name { get; init; }

    public string? Alias { get; init; }

    public string? Description { get; init; }

    public string? Status { get; init; }

    public string? ImageId { get; init; }

    public long? ProvisionedSize { get; init; }

    public long? ActualSize { get; init; }

    public long? TotalSize { get; init; }

    public string? Format { get; init; }

    public bool? Sparse { get; init; }

    public string? Backup { get; init; }

    public string? BackupMode { get; init; }

    public string? ContentType { get; init; }

    public string? StorageType { get; init; }

    public bool? Shareable { get; init; }

    public bool? WipeAfterDelete { get; init; }

    public WireList<RefDto>? StorageDomains { get; init; }

    public RefDto? StorageDomain { get; init; }

    public RefDto? DiskProfile { get; init; }

    public RefDto? Snapshot { get; init; }
}

internal sealed class DiskSnapshotDto
{
    public string? Id { get; init; }

    public RefDto? Disk { get; init; }

    public RefDto? Parent { get; init; }

    public RefDto? Snapshot { get; init; }

    public string? Status { get; init; }

    public string? Format { get; init; }

    public bool? Sparse { get; init; }

    public long? ProvisionedSize { get; init; }

    public long? ActualSize { get; init; }

    public RefDto? StorageDomain { get; init; }
}
