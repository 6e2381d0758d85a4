// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Settings;

/// <summary>What becomes of one setting of a restore point, planned or done.</summary>
/// <param name="Name">As people know it.</param>
/// <param name="Value">What the point has.</param>
/// <param name="Restored">The new VM gets it.</param>
/// <param name="Reason">Why not, and what to do; of one that is restored, what is different about it. Empty when there is nothing to say.</param>
internal sealed record SettingOutcome(string Name, string Value, bool Restored, string Reason = "");

/// <summary>The settings that a new VM is to have, in the terms of its target.</summary>
internal sealed record SettingsPlan
{
    public static SettingsPlan None { get; } = new();

    /// <summary>Only what can be had: hosts and storage domains of the target, groups that are there or are to be made.</summary>
    public VmMetadata Wanted { get; init; } = new();

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Names of groups of <see cref="VmMetadata.AffinityGroups"/> that the cluster lacks and that are to be made.</summary>
    public IReadOnlyList<string> NewGroups { get; init; } = [];

    /// <summary>Every setting of the point, those that are not restored too.</summary>
    public IReadOnlyList<SettingOutcome> Outcomes { get; init; } = [];
}

/// <summary>Where a VM is restored to, as far as its settings depend on it.</summary>
/// <param name="Cluster">Of the new VM.</param>
/// <param name="SameManager">It is the manager of the restore point.</param>
internal sealed record SettingsTarget(EngineCluster Cluster, bool SameManager)
{
    /// <summary>Of the cluster.</summary>
    public IReadOnlyList<EngineHost> Hosts { get; init; } = [];

    /// <summary>Data domains of its data center.</summary>
    public IReadOnlyList<EngineStorageDomain> Domains { get; init; } = [];

    /// <summary>The storage domain the operator named.</summary>
    public Guid? AskedDomain { get; init; }

    public IReadOnlyList<EngineAffinityGroup> Groups { get; init; } = [];

    /// <summary>Why the manager did not tell groups or labels; empty when it did.</summary>
    public string AffinityProblem { get; init; } = "";

    public IReadOnlyList<string> Labels { get; init; } = [];

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Groups that the cluster lacks are made.</summary>
    public bool CreateAffinityGroups { get; init; }
}
