// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Demo;

/// <summary>The installation that the demo backs up: two clusters, a handful of VMs, file and block storage.</summary>
internal static class DemoModel
{
    public const string Vm = "web";
    public const string OtherCluster = "Secondary";
    private const long MiB = 1L << 20;

    public static SimulatorModel Create(int sizeMiB) => new()
    {
        Seed = 2026,
        Tags = ["production"],
        DataCenters =
        [
            new DataCenterModel("Default")
            {
                Domains = [new DomainModel("nfs1", "nfs"), new DomainModel("iscsi1", "iscsi")],
                Networks = ["vlan100"],
                Clusters =
                [
                    new ClusterModel("Primary", new Version(4, 6), 2,
                    [
                        new VmModel(Vm, [new DiskModel(sizeMiB * MiB, "nfs1", Incremental: true), new DiskModel(sizeMiB / 2 * MiB, "iscsi1", Incremental: true)])
                        {
                            Running = true,
                            Nics = ["ovirtmgmt", "vlan100"],
                            Tags = ["production"],
                        },
                        new VmModel("mail", [new DiskModel(256 * MiB, "nfs1", Incremental: true)]),
                        new VmModel("archive", [new DiskModel(128 * MiB, "nfs1", "raw")]),
                    ]),
                    new ClusterModel(OtherCluster, new Version(4, 6), 1, [new VmModel("build", [new DiskModel(128 * MiB, "iscsi1", Incremental: true)])]),
                ],
            },
        ],
    };
}
