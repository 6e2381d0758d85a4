// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Inventory;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

public enum VmStatus
{
    Unknown,
    Unassigned,
    Down,
    Up,
    PoweringUp,
    Paused,
    Migrating,
    NotResponding,
    WaitForLaunch,
    RebootInProgress,
    SavingState,
    RestoringState,
    Suspended,
    ImageLocked,
    PoweringDown,
}

public sealed record CpuTopology(long Sockets, long Cores, long Threads);

public sealed record Vm
{
    public required VmId Id { get; init; }

    public required string Name { get; init; }

    public VmStatus Status { get; init; }

    public ClusterId? Cluster { get; init; }

    /// <summary>Only while the VM runs.</summary>
    public HostId? Host { get; init; }

    public TemplateId? Template { get; init; }

    public long MemoryBytes { get; init; }

    public CpuTopology? Cpu { get; init; }

    public string? OsType { get; init; }

    public string? BiosType { get; init; }

    /// <summary>desktop, server, high_performance.</summary>
    public string? Type { get; init; }

    public string? Description { get; init; }

    public string? Comment { get; init; }

    public string? Fqdn { get; init; }

    /// <summary>Who made it; <c>managed_hosted_engine</c> is the manager's own VM, which cannot be backed up.</summary>
    public string? Origin { get; init; }

    public string? StopReason { get; init; }

    public DateTimeOffset? CreationTime { get; init; }

    public DateTimeOffset? StartTime { get; init; }

    public bool Stateless { get; init; }

    public bool DeleteProtected { get; init; }

    public bool HasIllegalImages { get; init; }

    public bool NextRunConfigurationExists { get; init; }

    public StorageDomainId? LeaseStorageDomain { get; init; }

    /// <summary>The OVF, where all content was asked for.</summary>
    public string? Ovf { get; init; }

    /// <summary>With disks; null where not asked for.</summary>
    public IReadOnlyList<DiskAttachment>? DiskAttachments { get; init; }

    /// <summary>Null where not asked for.</summary>
    public IReadOnlyList<Nic>? Nics { get; init; }

    /// <summary>Null where not asked for.</summary>
    public IReadOnlyList<Tag>? Tags { get; init; }

    /// <summary>The manager's own VM: no backup is possible.</summary>
    public bool IsHostedEngine => Origin is "hosted_engine" or "managed_hosted_engine";
}
