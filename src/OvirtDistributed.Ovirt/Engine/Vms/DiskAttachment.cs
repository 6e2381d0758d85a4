// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Disks;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

public enum DiskInterface
{
    Unknown,
    Virtio,
    VirtioScsi,
    Ide,
    Sata,
    SpaprVscsi,
}

/// <summary>A disk of a VM.</summary>
public sealed record DiskAttachment
{
    /// <summary>Also the attachment's own id.</summary>
    public required DiskId DiskId { get; init; }

    /// <summary>Plugged. A backup refuses disks that are not.</summary>
    public bool Active { get; init; }

    public bool Bootable { get; init; }

    public bool ReadOnly { get; init; }

    public bool PassDiscard { get; init; }

    public DiskInterface Interface { get; init; }

    /// <summary>Device name in the guest; needs its agent and may lag.</summary>
    public string? LogicalName { get; init; }

    /// <summary>The disk itself; null where not asked for.</summary>
    public Disk? Disk { get; init; }
}
