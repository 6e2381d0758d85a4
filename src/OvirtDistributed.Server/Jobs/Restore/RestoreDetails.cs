// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Exports;
using OvirtDistributed.Server.Jobs.Backup;
using OvirtDistributed.Server.Settings;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What a restore job was asked and what it decided.</summary>
internal sealed record RestoreDetails
{
    public required string PointId { get; init; }

    public required string NewName { get; init; }

    public required Guid ClusterId { get; init; }

    /// <summary>Null = each disk's own storage domain.</summary>
    public Guid? StorageDomainId { get; init; }

    public string Format { get; init; } = "";

    public string Allocation { get; init; } = "";

    public RestoreScope Scope { get; init; }

    public NicChoice Nics { get; init; } = NicChoice.NewMac;

    /// <summary>NIC of the point → whether it keeps its MAC address, where that is not what <see cref="Nics"/> says.</summary>
    public IReadOnlyDictionary<string, bool> KeptMacs { get; init; } = new Dictionary<string, bool>();

    /// <summary>Network name of the point → vNIC profile of the target; null = on no network.</summary>
    public IReadOnlyDictionary<string, Guid?> VnicProfiles { get; init; } = new Dictionary<string, Guid?>();

    public bool Start { get; init; }

    /// <summary>The start was asked for: never twice.</summary>
    public bool StartRequested { get; init; }

    /// <summary>Empty: by image transfer.</summary>
    public string TransportMode { get; init; } = "";

    public bool Verify { get; init; } = true;

    /// <summary>The VM that was made, or that gets the disks.</summary>
    public Guid? NewVmId { get; init; }

    /// <summary>Of one disk, also in place: which one of the point.</summary>
    public Guid? DiskId { get; init; }

    /// <summary>Of one disk: plug it into a running VM.</summary>
    public bool Activate { get; init; }

    /// <summary>Over the original, in place: power it off where it runs.</summary>
    public bool PowerOff { get; init; }

    /// <summary>It ran and was powered off by this job.</summary>
    public bool PoweredOff { get; init; }

    /// <summary>When that was asked for; a worker may have been waited for before.</summary>
    public DateTimeOffset? PoweredOffAt { get; init; }

    /// <summary>Over the original, in place: back it up first.</summary>
    public bool SafetyPoint { get; init; }

    /// <summary>The backup of the VM as it was.</summary>
    public Guid? SafetyJobId { get; init; }

    /// <summary>That backup is a restore point, or none was wanted.</summary>
    public bool Secured { get; init; }

    /// <summary>
    /// Over the original: the VM's disks whose place others take; deleted when all is done, never before. In place: the disk that is written, which
    /// leaves the VM for that time.
    /// </summary>
    public IReadOnlyList<ReplacedDisk> Replaced { get; init; } = [];

    public IReadOnlyList<RestoreNicPlan> NicPlan { get; init; } = [];

    /// <summary>Affinity groups that the cluster lacks are made.</summary>
    public bool CreateAffinityGroups { get; init; }

    /// <summary>Of a new VM: what becomes of the point's settings, first as planned, then as done.</summary>
    public IReadOnlyList<SettingOutcome> Settings { get; init; } = [];

    /// <summary>The settings were gone through.</summary>
    public bool SettingsDone { get; init; }

    /// <summary>The point's VM was protected from deletion, and the new one is when all else is done.</summary>
    public bool ProtectFromDeletion { get; init; }

    /// <summary>Transport mode export-domain: where the disks go on their way.</summary>
    public RestoreExport? Export { get; init; }

    /// <summary>The VM is the operator's and must be down: what its disks held is lost.</summary>
    public bool RewritesVm() => Scope is RestoreScope.Overwrite or RestoreScope.InPlace;

    /// <summary>The cluster whose workers write the disks.</summary>
    public Guid WorkerCluster() => Export?.WorkerClusterId ?? ClusterId;

    /// <summary>Who writes the disks.</summary>
    public WorkerNeed Need() => this switch
    {
        { Export: { } export } => WorkerNeed.Mounting(export.WorkerClusterId, new ExportWay(export.DomainId, export.DomainName, export.Location)),
        { TransportMode: TransportModes.DiskAttachment } => WorkerNeed.InVm(ClusterId, exceptVm: null),
        _ => new WorkerNeed(ClusterId),
    };

    /// <summary>A VM is made from the point's configuration; a disk needs none of it.</summary>
    public bool NeedsOvf() => Scope == RestoreScope.NewVm || Export is not null;

    /// <summary>The operator's VM to which disks of the job may be attached; null where the VM is the job's own.</summary>
    public Guid? HolderOfDisks() => Scope == RestoreScope.NewVm ? null : NewVmId;
}

internal enum RestoreScope
{
    /// <summary>A whole VM as a new one.</summary>
    NewVm,

    /// <summary>One disk as a new disk of a VM that is there.</summary>
    Disk,

    /// <summary>The disks of a VM in the place of its own.</summary>
    Overwrite,

    /// <summary>One disk onto the VM's own: what differs is written.</summary>
    InPlace,
}

internal enum NicChoice
{
    NewMac,
    KeepMac,
    Disconnected,
    None,
}

internal sealed record RestoreNicPlan(string Name, string Interface, string? Mac, Guid? VnicProfileId, bool Plugged, bool Linked);

/// <summary>A disk of the VM whose place another takes, and how it was joined to the VM: it is put back where the switch fails.</summary>
internal sealed record ReplacedDisk(Guid DiskId, string Alias, string Interface, bool Bootable, bool Active);

/// <summary>How a target disk is created.</summary>
internal sealed record RestoreDiskPlan
{
    public required Guid StorageDomainId { get; init; }

    /// <summary>cow or raw.</summary>
    public required string Format { get; init; }

    public required bool Sparse { get; init; }

    /// <summary>Set only for cow and sparse on block storage: the engine does not extend a volume during an upload.</summary>
    public long? InitialSizeBytes { get; init; }

    public bool IncrementalEnabled { get; init; }

    /// <summary>A fresh disk of this kind reads as zeroes.</summary>
    public bool ReadsAsZero { get; init; }

    public string Interface { get; init; } = "virtio_scsi";

    public bool Bootable { get; init; }

    /// <summary>Plugged when it is joined to its VM.</summary>
    public bool Active { get; init; } = true;

    public bool WipeAfterDelete { get; init; }

    /// <summary>Of the new disk, where its VM has one of the point's name already; null: the point's.</summary>
    public string? Alias { get; init; }

    /// <summary>In place: the disk to write, instead of a new one.</summary>
    public Guid? InPlaceDiskId { get; init; }

    /// <summary>Its size; what lies beyond the image becomes zero.</summary>
    public long? InPlaceSizeBytes { get; init; }

    public string Description { get; init; } = "";
}
