// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Entities;

internal sealed class Vm : Entity
{
    public required Guid ClusterId { get; set; }

    public required Guid TemplateId { get; set; }

    public string Status { get; set; } = VmStatus.Down;

    /// <summary>The host it runs on; null while down.</summary>
    public Guid? HostId { get; set; }

    public long Memory { get; set; } = 1L << 30;

    public bool DeleteProtected { get; set; }

    public bool VirtioScsi { get; set; } = true;

    public required DateTimeOffset CreationTime { get; init; }

    public DateTimeOffset? StartTime { get; set; }

    /// <summary>False: file systems cannot be frozen, and a backup with <c>require_consistency</c> fails.</summary>
    public bool GuestAgent { get; set; } = true;

    /// <summary>What the agent reports for each NIC while the guest runs.</summary>
    public IReadOnlyList<string> GuestAddresses { get; init; } = ["127.0.0.1"];

    /// <summary>The guest's file systems, while the VM runs.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public GuestFilesystems Filesystems { get; } = new();

    public string? StopReason { get; set; }

    public string? Fqdn { get; set; }

    /// <summary>Parts of the configuration the simulator stores and gives back without acting on them (os, bios, cpu and so on).</summary>
    public Dictionary<string, WireNode> Stored { get; } = [];

    public List<DiskAttachment> Attachments { get; } = [];

    public List<Nic> Nics { get; } = [];

    public List<Snapshot> Snapshots { get; } = [];

    public List<Backup> Backups { get; } = [];

    public List<Checkpoint> Checkpoints { get; } = [];

    public HashSet<Guid> Tags { get; } = [];

    /// <summary>Id of the disc image in the drive; null while none is.</summary>
    public string? Cdrom { get; set; }

    /// <summary>The only one; null when there is none.</summary>
    public WireNode? Watchdog { get; set; }

    /// <summary>vnc, spice.</summary>
    public HashSet<string> Consoles { get; } = [];

    /// <summary>Names of devices of its host that the VM is given.</summary>
    public List<string> HostDevices { get; } = [];

    /// <summary>Name of the command that holds the VM exclusively, in the words of the refusal; null when free.</summary>
    public string? LockedBy { get; set; }

    /// <summary>Counts starts, so that a late step of an earlier start or stop notices it is out of date.</summary>
    public int PowerEpoch { get; set; }

    public bool IsDown => Status == VmStatus.Down;

    /// <summary>The VM's storage process exists: guest writes go through it.</summary>
    public bool IsRunning => Status is VmStatus.Up or VmStatus.PoweringUp or VmStatus.WaitForLaunch or VmStatus.Paused or VmStatus.PoweringDown;
}

/// <summary>VM status words on the wire.</summary>
internal static class VmStatus
{
    public const string Down = "down";
    public const string Up = "up";
    public const string WaitForLaunch = "wait_for_launch";
    public const string PoweringUp = "powering_up";
    public const string PoweringDown = "powering_down";
    public const string Paused = "paused";
    public const string ImageLocked = "image_locked";
}

internal sealed class DiskAttachment
{
    public required Guid DiskId { get; init; }

    /// <summary>Set when a snapshot of another VM's disk is attached.</summary>
    public Guid? SnapshotId { get; init; }

    public bool Active { get; set; }

    public bool Bootable { get; set; }

    public string Interface { get; set; } = "virtio_scsi";

    public bool ReadOnly { get; set; }

    public bool PassDiscard { get; set; }

    public bool UsesScsiReservation { get; set; }
}

internal sealed class Nic : Entity
{
    public string Interface { get; set; } = "virtio";

    public required string Mac { get; set; }

    public Guid? VnicProfileId { get; set; }

    public bool Linked { get; set; } = true;

    public bool Plugged { get; set; } = true;
}

internal sealed class Snapshot : Entity
{
    public required Guid VmId { get; init; }

    public required DateTimeOffset Date { get; init; }

    public required string Type { get; init; }

    public string Status { get; set; } = SnapshotStatus.Locked;

    public bool PersistMemoryState { get; init; }

    /// <summary>The volume of each disk that holds the state of this snapshot.</summary>
    public Dictionary<Guid, Guid> Volumes { get; } = [];

    /// <summary>The VM's OVF at that moment.</summary>
    public string? Ovf { get; set; }

    /// <summary>The VM's document at that moment.</summary>
    public WireNode? VmConfiguration { get; set; }

    /// <summary>The attachments at that moment, for a restore of the snapshot.</summary>
    public List<DiskAttachment> Attachments { get; } = [];

    /// <summary>The backup that made this snapshot for itself (hybrid backup).</summary>
    public Guid? BackupId { get; init; }

    public bool IsActive => Type == "active";
}

/// <summary>Snapshot status words on the wire.</summary>
internal static class SnapshotStatus
{
    public const string Ok = "ok";
    public const string Locked = "locked";
}
