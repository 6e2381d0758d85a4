// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine.Commands;

internal sealed partial class VmCommands
{
    private const string CannotEdit = "Cannot edit VM";

    // What an engine defines without configuration of its own.
    private static readonly string[] KnownProperties = ["hugepages", "mdev_type", "sap_agent", "scsi_hostdev", "sndbuf", "vhost", "viodiskcache"];

    /// <summary>An object keeps what a request does not name; lists and scalars are replaced.</summary>
    internal static WireNode Merge(WireNode? present, WireNode change)
    {
        if (present is null || present.Kind != WireKind.Object || change.Kind != WireKind.Object || change.Attributes.Count > 0)
        {
            return change;
        }

        var merged = new WireNode(present.Name);
        foreach (var (name, value) in present.Attributes)
        {
            merged.Attr(name, value);
        }

        merged.AddAll(present.Children);
        foreach (var child in change.Children)
        {
            merged.Set(Merge(present.Child(child.Name), child));
        }

        return merged;
    }

    private void CheckSettings(Vm vm, WireNode body)
    {
        var cluster = Lookup.Find(State.Clusters, body.Child("cluster")) ?? State.Clusters[vm.ClusterId];
        if (body.Child("lease")?.Child("storage_domain") is { } lease)
        {
            CheckLease(vm, body, cluster, lease);
        }

        foreach (var reference in body.Child("placement_policy")?.Items("hosts") ?? [])
        {
            if (Lookup.Host(State, reference, "Vm", "update").ClusterId != cluster.Id)
            {
                throw ApiFault.Conflict($"{CannotEdit}. At least one of the hosts the VM is pinned to does not belong to its cluster.");
            }
        }

        if ((body.Items("custom_properties") ?? []).FirstOrDefault(property => !KnownProperties.Contains(property.Value("name"))) is { } unknown)
        {
            throw ApiFault.BadRequest($"{CannotEdit}. The custom property {unknown.Value("name")} is not defined for cluster compatibility version {cluster.Version.ToString(2)}.");
        }
    }

    private void CheckLease(Vm vm, WireNode body, Cluster cluster, WireNode lease)
    {
        var available = body.Child("high_availability")?.Flag("enabled") ?? vm.Stored.GetValueOrDefault("high_availability")?.Flag("enabled") ?? false;
        if (!available)
        {
            throw ApiFault.Conflict($"{CannotEdit}. A VM lease can only be set on a highly available VM.");
        }

        var domain = Lookup.Domain(State, lease, "Vm", "update");
        if (domain.Type != "data" || domain.Status != "active" || domain.DataCenterId != cluster.DataCenterId)
        {
            throw ApiFault.Conflict($"{CannotEdit}. The storage domain {domain.Name} cannot hold the lease of the VM: it is no active data domain of its data center.");
        }

        // However it was named.
        body.Set(new WireNode("lease").AddReference("storage_domain", domain.Id, "storagedomains"));
    }
}
