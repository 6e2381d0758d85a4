// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>How the simulated hosts keep their disks.</summary>
public sealed class DiskStorageOptions
{
    /// <summary>Directory for sockets and scratch images; null = <c>run</c> below the data directory. Its path must be short: unix socket paths end at 107 bytes.</summary>
    public string? RunDirectory { get; init; }

    /// <summary>Programs, looked up in PATH unless given with a path.</summary>
    public string QemuImg { get; init; } = "qemu-img";

    public string QemuNbd { get; init; } = "qemu-nbd";

    public string QemuStorageDaemon { get; init; } = "qemu-storage-daemon";

    /// <summary>Clients one export accepts at a time; as vdsm starts qemu-nbd.</summary>
    public int ExportClients { get; init; } = 8;
}
