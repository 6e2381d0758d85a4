// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <summary>A VM with full copies of a snapshot's active disks. The engine names each copy after its disk and the new VM.</summary>
public sealed record CloneSnapshot
{
    public required string Name { get; init; }

    public required ClusterId Cluster { get; init; }

    public required SnapshotId Snapshot { get; init; }

    public string? Description { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("name", Name)
        .Set("description", Description)

        // A copy must be removable whatever its original is.
        .Set("delete_protected", false)
        .SetReference<ClusterId>("cluster", Cluster)
        .SetList("snapshots", "snapshot", [WireBody.Reference(Snapshot)]);
}

/// <summary>A VM with new ids, made of one in an export domain; all its disks go to one storage domain.</summary>
public sealed record ImportVm
{
    public required string Name { get; init; }

    public required ClusterId Cluster { get; init; }

    public required StorageDomainId StorageDomain { get; init; }

    internal JsonObject ToBody() => new JsonObject()
        .Set("clone", true)
        .Set("collapse_snapshots", true)
        .SetReference<ClusterId>("cluster", Cluster)
        .SetReference<StorageDomainId>("storage_domain", StorageDomain)
        .Set("vm", new JsonObject().Set("name", Name));
}
