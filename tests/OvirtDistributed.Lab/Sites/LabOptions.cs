// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Lab.Servers;
using OvirtDistributed.Simulator;

namespace OvirtDistributed.Lab.Sites;

/// <summary>What a lab consists of.</summary>
public sealed record LabOptions
{
    /// <summary>Where everything lives; short, because unix sockets are in it. A temporary directory, removed at the end, when null.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>True: every service is a process of its own over RabbitMQ. False: one process over the in-memory bus.</summary>
    public bool SeparateProcesses { get; init; }

    public required SimulatorModel Model { get; init; }

    public SimulatorOptions Simulator { get; init; } = new();

    /// <summary>Workers in each cluster (separate processes); an embedded worker per cluster otherwise.</summary>
    public int WorkersPerCluster { get; init; } = 1;

    /// <summary>
    /// Names of the VMs of the model that the workers run in, in the order of the workers; those left over run in none. The simulator shows such a VM's disks
    /// as block devices of this machine, which takes root's rights. Needs <see cref="SeparateProcesses"/>.
    /// </summary>
    public IReadOnlyList<string> WorkerVms { get; init; } = [];

    /// <summary>True: each of <see cref="WorkerVms"/> is booted by qemu with its worker inside, and sees its disks come and go as a guest does.</summary>
    public bool BootWorkerVms { get; init; }

    /// <summary>Disks each worker processes at a time.</summary>
    public int SlotsPerWorker { get; init; } = 2;

    /// <summary>A PostgreSQL that is there already and in which the lab makes its own database; the lab starts one when null.</summary>
    public PrivatePostgres? Postgres { get; init; }

    /// <summary>A broker that is there already; with <see cref="SeparateProcesses"/> the lab starts one when null.</summary>
    public PrivateRabbitMq? RabbitMq { get; init; }

    /// <summary>Shorter than a product's, so that failures are noticed while somebody watches.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromSeconds(1);

    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>More settings of the backup server, by configuration key.</summary>
    public IReadOnlyDictionary<string, string> ServerSettings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Further settings of the Data Mover.</summary>
    public IReadOnlyDictionary<string, string> DataMoverSettings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>More settings of every worker, by configuration key.</summary>
    public IReadOnlyDictionary<string, string> WorkerSettings { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}
