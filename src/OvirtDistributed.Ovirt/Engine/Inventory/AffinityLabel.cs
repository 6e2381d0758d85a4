// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <summary>A label that VMs and hosts of any cluster can have.</summary>
public sealed record AffinityLabel(AffinityLabelId Id, string Name);
