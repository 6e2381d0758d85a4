// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <summary>A group to make in a cluster, without VMs.</summary>
public sealed record CreateAffinityGroup
{
    public required string Name { get; init; }

    public string? Description { get; init; }

    /// <summary>A decimal number as text; null leaves it to the engine.</summary>
    public string? Priority { get; init; }

    public AffinityRule? VmsRule { get; init; }

    public AffinityRule? HostsRule { get; init; }

    public IReadOnlyList<HostId> Hosts { get; init; } = [];

    internal JsonObject ToBody() => new JsonObject()
        .Set("name", Name)
        .Set("description", Description)
        .Set("priority", Priority)
        .Set("vms_rule", Body(VmsRule))
        .Set("hosts_rule", Body(HostsRule))
        .SetList("hosts", "host", Hosts.Count == 0 ? null : Hosts.Select(WireBody.Reference));

    private static JsonObject? Body(AffinityRule? rule) => rule is null
        ? null
        : new JsonObject().Set("enabled", rule.Enabled).Set("enforcing", rule.Enforcing).Set("positive", rule.Positive);
}
