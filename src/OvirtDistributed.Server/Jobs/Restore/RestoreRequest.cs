// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>What an operator asks to restore.</summary>
internal sealed record RestoreRequest
{
    public string Point { get; init; } = "";

    public RestoreScope Scope { get; init; }

    /// <summary>Of the new VM; empty in the other scopes.</summary>
    public string Name { get; init; } = "";

    public string Manager { get; init; } = "";

    public string Cluster { get; init; } = "";

    public string StorageDomain { get; init; } = "";

    public string Format { get; init; } = "";

    public string Allocation { get; init; } = "";

    public NicChoice Nics { get; init; } = NicChoice.NewMac;

    /// <summary>NIC of the point → keep or new.</summary>
    public IReadOnlyDictionary<string, string> NicMacs { get; init; } = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Networks { get; init; } = new Dictionary<string, string>();

    public bool Start { get; init; }

    public bool Verify { get; init; } = true;

    /// <summary>Empty: by image transfer; in place by the first of the others that can work.</summary>
    public string TransportMode { get; init; } = "";

    /// <summary>Of one disk: id or alias; may be empty while the point has one.</summary>
    public string Disk { get; init; } = "";

    /// <summary>Of one disk: the VM that gets it, or has it.</summary>
    public string Vm { get; init; } = "";

    /// <summary>Of one disk: plug it into a running VM.</summary>
    public bool Activate { get; init; }

    /// <summary>Over the original, in place: power it off where it runs.</summary>
    public bool PowerOff { get; init; }

    /// <summary>Over the original, in place: back it up first.</summary>
    public bool SafetyPoint { get; init; } = true;

    /// <summary>Without a safety point: what the VM holds now may be lost.</summary>
    public bool LossAccepted { get; init; }

    /// <summary>Of a new VM: make affinity groups that the cluster lacks.</summary>
    public bool CreateAffinityGroups { get; init; }

    public string RequestId { get; init; } = "";
}
