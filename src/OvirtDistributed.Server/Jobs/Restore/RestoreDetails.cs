// SPDX-License-Identifier: Apache-2.0

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

    public NicChoice Nics { get; init; } = NicChoice.NewMac;

    /// <summary>Network name of the point → vNIC profile of the target.</summary>
    public IReadOnlyDictionary<string, Guid> VnicProfiles { get; init; } = new Dictionary<string, Guid>();

    public bool Start { get; init; }

    /// <summary>The start was asked for: never twice.</summary>
    public bool StartRequested { get; init; }

    /// <summary>Empty: by image transfer.</summary>
    public string TransportMode { get; init; } = "";

    public bool Verify { get; init; } = true;

    public Guid? NewVmId { get; init; }

    public IReadOnlyList<RestoreNicPlan> NicPlan { get; init; } = [];
}

internal enum NicChoice
{
    NewMac,
    KeepMac,
    Disconnected,
    None,
}

internal sealed record RestoreNicPlan(string Name, string Interface, string? Mac, Guid? VnicProfileId, bool Plugged, bool Linked);

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

    public bool WipeAfterDelete { get; init; }

    public string Description { get; init; } = "";
}
