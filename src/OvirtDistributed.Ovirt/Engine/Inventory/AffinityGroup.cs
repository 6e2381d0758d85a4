// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <summary>VMs (and hosts) of a cluster that belong together, or apart.</summary>
public sealed record AffinityGroup(
    AffinityGroupId Id, string Name, string? Description, AffinityRule? VmsRule, AffinityRule? HostsRule, IReadOnlyList<VmId> Vms, IReadOnlyList<HostId> Hosts)
{
    /// <summary>A decimal number as text; null where the engine does not say.</summary>
    public string? Priority { get; init; }
}

/// <param name="Enabled">Whether it is in force.</param>
/// <param name="Enforcing">Hard instead of soft.</param>
/// <param name="Positive">Together instead of apart.</param>
public sealed record AffinityRule(bool Enabled, bool Enforcing, bool Positive);
