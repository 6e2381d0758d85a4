// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator;

/// <summary>
/// What a simulated installation consists of. Ids are derived from <see cref="Seed"/> and the names, so that two starts from the same
/// model have the same ids. Disk content is derived from the seed too.
/// </summary>
public sealed record SimulatorModel
{
    private const long MiB = 1L << 20;

    public int Seed { get; init; } = 1;

    public required IReadOnlyList<DataCenterModel> DataCenters { get; init; }

    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>Nothing but a data center with a cluster, a host and an NFS domain.</summary>
    public static SimulatorModel Empty { get; } = new()
    {
        DataCenters = [DataCenterModel.Simple("Default", "Default", [], hosts: 1)],
    };

    /// <summary>One cluster with two hosts and three VMs: cow and raw, running and stopped, on NFS, iSCSI and FC.</summary>
    public static SimulatorModel Small { get; } = new()
    {
        DataCenters =
        [
            DataCenterModel.Simple(
                "Default",
                "Default",
                [
                    new VmModel("web", [new DiskModel(64 * MiB, Incremental: true)]) { Running = true },
                    new VmModel("db", [new DiskModel(64 * MiB, Incremental: true), new DiskModel(32 * MiB, "iscsi1", Incremental: true)]),
                    new VmModel("raw", [new DiskModel(32 * MiB, "fcp1", "raw", Sparse: false)]),
                ],
                hosts: 2),
        ],
        Tags = ["backup_daily"],
    };

    /// <summary>Two clusters in one data center, two VMs each, for work on several workers and for restores to another cluster.</summary>
    public static SimulatorModel TwoClusters { get; } = new()
    {
        DataCenters =
        [
            new DataCenterModel("Default")
            {
                Domains = [new DomainModel("nfs1", "nfs"), new DomainModel("iscsi1", "iscsi"), new DomainModel("fcp1", "fcp")],
                Networks = ["vlan100"],
                Clusters =
                [
                    new ClusterModel("ClusterA", new Version(4, 7), 2,
                    [
                        new VmModel("a1", [new DiskModel(64 * MiB, Incremental: true)]) { Running = true },
                        new VmModel("a2", [new DiskModel(64 * MiB, Incremental: true)]),
                    ]),
                    new ClusterModel("ClusterB", new Version(4, 7), 1,
                    [
                        new VmModel("b1", [new DiskModel(64 * MiB, "iscsi1", Incremental: true)]) { Running = true },
                        new VmModel("b2", [new DiskModel(32 * MiB, "fcp1", Incremental: true)]),
                    ]),
                ],
            },
        ],
    };

    /// <summary>The names oVirt's SDK examples expect: VMs myvm, myvm0 and myagent, mycluster, mydata, mynetwork.</summary>
    public static SimulatorModel SdkExamples { get; } = new()
    {
        DataCenters =
        [
            new DataCenterModel("mydc")
            {
                Domains = [new DomainModel("mydata", "nfs"), new DomainModel("bs-scsi-012", "iscsi"), new DomainModel("fcp1", "fcp")],
                Networks = ["mynetwork"],
                Clusters =
                [
                    new ClusterModel("mycluster", new Version(4, 7), 2,
                    [
                        new VmModel("myvm0", [new DiskModel(64 * MiB, "mydata", Incremental: true)]) { Running = true },
                        new VmModel("myagent", [new DiskModel(32 * MiB, "mydata", Incremental: true)]) { Running = true },
                        new VmModel("mystopped", [new DiskModel(64 * MiB, "mydata", Incremental: true)]),
                    ]) { HostNames = ["myhost"] },
                ],
            },
        ],
    };

    /// <summary>The preset of that name, in any case; null when there is none.</summary>
    public static SimulatorModel? Preset(string name) => name.ToLowerInvariant() switch
    {
        "empty" => Empty,
        "small" => Small,
        "two-clusters" or "twoclusters" => TwoClusters,
        "sdk-examples" => SdkExamples,
        _ => null,
    };
}

/// <summary>A data center. A management network is always there.</summary>
public sealed record DataCenterModel(string Name)
{
    public IReadOnlyList<ClusterModel> Clusters { get; init; } = [];

    public IReadOnlyList<DomainModel> Domains { get; init; } = [];

    /// <summary>Networks besides the management network.</summary>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>One cluster of level 4.7 with domains nfs1, iscsi1 and fcp1.</summary>
    public static DataCenterModel Simple(string name, string cluster, IReadOnlyList<VmModel> vms, int hosts) => new(name)
    {
        Clusters = [new ClusterModel(cluster, new Version(4, 7), hosts, vms)],
        Domains = [new DomainModel("nfs1", "nfs"), new DomainModel("iscsi1", "iscsi"), new DomainModel("fcp1", "fcp")],
        Networks = ["vlan100"],
    };
}

/// <summary>A cluster with its compatibility level, number of hosts and VMs.</summary>
public sealed record ClusterModel(string Name, Version Level, int Hosts, IReadOnlyList<VmModel> Vms)
{
    /// <summary>Names of the hosts, in their order; a host without one is named after the cluster.</summary>
    public IReadOnlyList<string> HostNames { get; init; } = [];
}

/// <summary>A storage domain; <paramref name="StorageType"/> is nfs, iscsi or fcp.</summary>
public sealed record DomainModel(string Name, string StorageType)
{
    /// <summary>data, or export: then it lies in a sub-directory of its data center, in real files (<see cref="SimulatorEngine.ExportPathAsync"/>).</summary>
    public string Type { get; init; } = "data";
}

/// <summary>A VM with its disks and one NIC per entry of <see cref="Nics"/>.</summary>
public sealed record VmModel(string Name, IReadOnlyList<DiskModel> Disks)
{
    public bool Running { get; init; }

    /// <summary>False: the guest cannot be frozen.</summary>
    public bool GuestAgent { get; init; } = true;

    /// <summary>What the agent of the running guest reports for each NIC.</summary>
    public IReadOnlyList<string> GuestAddresses { get; init; } = ["127.0.0.1"];

    /// <summary>Networks of the NICs.</summary>
    public IReadOnlyList<string> Nics { get; init; } = ["ovirtmgmt"];

    public IReadOnlyList<string> Tags { get; init; } = [];
}

/// <summary>
/// A disk. <paramref name="Domain"/> names its storage domain (the data center's first one when null); <paramref name="Format"/> is cow or raw;
/// <paramref name="FilledPart"/> is the share of it that holds data.
/// </summary>
public sealed record DiskModel(
    long SizeBytes, string? Domain = null, string Format = "cow", bool Sparse = true, bool Incremental = false, double FilledPart = 0.25);
