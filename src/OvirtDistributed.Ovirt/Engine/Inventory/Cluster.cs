// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="DataCenter">Null for a cluster in no data center.</param>
/// <param name="CompatibilityLevel">Decides what <see cref="Capabilities"/> the cluster has.</param>
/// <param name="Architecture">x86_64, ppc64, s390x.</param>
/// <param name="CpuType">The model its VMs get.</param>
public sealed record Cluster(ClusterId Id, string Name, DataCenterId? DataCenter, Version CompatibilityLevel, string? Architecture, string? CpuType)
{
    public ClusterCapabilities Capabilities => ClusterCapabilities.Of(CompatibilityLevel);
}
