// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator;

namespace OvirtDistributed.EndToEnd.Sites;

/// <summary>The installations the tests use; as small as the scenario allows.</summary>
internal static class Models
{
    public const long MiB = 1L << 20;

    /// <summary>One cluster with these VMs, on domains nfs1, iscsi1 and fcp1. Level 4.6: live and cold backups.</summary>
    public static SimulatorModel OneCluster(params VmModel[] vms) => Clusters(new ClusterModel("Main", new Version(4, 6), 1, vms));

    public static SimulatorModel Clusters(params ClusterModel[] clusters) => new()
    {
        DataCenters =
        [
            new DataCenterModel("Default")
            {
                Clusters = clusters,
                Domains = [new DomainModel("nfs1", "nfs"), new DomainModel("iscsi1", "iscsi"), new DomainModel("fcp1", "fcp")],
                Networks = ["vlan100"],
            },
        ],
    };

    public static VmModel Running(string name, params DiskModel[] disks) => new(name, disks) { Running = true };

    public static VmModel Stopped(string name, params DiskModel[] disks) => new(name, disks);

    public static DiskModel Disk(long sizeMiB, string domain = "nfs1", double filled = 0.25) =>
        new(sizeMiB * MiB, domain, Incremental: true, FilledPart: filled);
}
