// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Catalog;

/// <summary>Names of the facts our manifests carry beside the format's own fields. Never renamed: older points keep them.</summary>
internal static class PointFacts
{
    public const string ManagerName = "manager.name";
    public const string ManagerUrl = "manager.url";
    public const string Product = "manager.product";
    public const string ProductVersion = "manager.version";
    public const string Cluster = "cluster.name";
    public const string ClusterId = "cluster.id";

    /// <summary>The VM as the manager described it: JSON of <c>EngineVm</c>.</summary>
    public const string Vm = "vm";

    /// <summary>What the VM was set to beside that: JSON of <c>VmMetadata</c>. Missing in points of the first versions, and where the manager did not tell.</summary>
    public const string Metadata = "vm.metadata";

    /// <summary>Of a disk: the name of its storage domain, by which another manager's is found.</summary>
    public const string StorageDomain = "storage_domain.name";

    /// <summary>The blob with the VM's OVF; a property in points of the first versions.</summary>
    public const string Ovf = "ovf";
    public const string ModeReason = "mode.reason";
    public const string TransportReason = "transport.reason";
    public const string Warnings = "warnings";

    /// <summary>Of a copy: the point it was made from, and the repository (its own id) that one was in.</summary>
    public const string CopyOf = "copy.of";
    public const string CopyFrom = "copy.from";
    public const string TraceParent = "trace.parent";

    public const string Read = "read_bytes";
    public const string Stored = "stored_bytes";
    public const string Sent = "sent_bytes";
    public const string Deduplicated = "deduplicated_bytes";
    public const string Zero = "zero_bytes";
    public const string Total = "total_bytes";
}
