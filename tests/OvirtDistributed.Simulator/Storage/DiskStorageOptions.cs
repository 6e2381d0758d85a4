// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Storage;

/// <summary>How the simulated hosts keep their disks.</summary>
public sealed class DiskStorageOptions
{
    /// <summary>
    /// Where the storage makes its own directory for sockets and scratch images. Null = <c>run</c> below the data directory, or below the temporary
    /// directory when that path is too long for unix sockets.
    /// </summary>
    public string? RunDirectory { get; init; }

    /// <summary>Programs, looked up in PATH unless given with a path.</summary>
    public string QemuImg { get; init; } = "qemu-img";

    public string QemuNbd { get; init; } = "qemu-nbd";

    public string QemuStorageDaemon { get; init; } = "qemu-storage-daemon";

    public string Losetup { get; init; } = "losetup";

    /// <summary>Clients one export accepts at a time; as vdsm starts qemu-nbd.</summary>
    public int ExportClients { get; init; } = 8;
}
