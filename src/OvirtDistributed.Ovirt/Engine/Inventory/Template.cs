// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public enum TemplateStatus
{
    Unknown,
    Ok,
    Locked,
    Illegal,
}

public sealed record Template(TemplateId Id, string Name, TemplateStatus Status, ClusterId? Cluster);
