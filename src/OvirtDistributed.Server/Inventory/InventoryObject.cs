// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Inventory;

/// <summary>One object of a manager as last read.</summary>
internal sealed class InventoryObject
{
    public required Guid ManagerId { get; init; }

    public required InventoryKind Kind { get; init; }

    public required Guid ObjectId { get; init; }

    public required string Name { get; set; }

    /// <summary>JSON of the kind's record.</summary>
    public required string Document { get; set; }

    public required DateTimeOffset Read { get; set; }
}

internal enum InventoryKind
{
    DataCenter,
    Cluster,
    Host,
    StorageDomain,
    Network,
    VnicProfile,
    Vm,
    Tag,
}
