// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine;

/// <summary>Cluster compatibility levels at which behaviour changes.</summary>
internal static class ClusterLevel
{
    /// <summary>Backups of stopped VMs, and full and incremental disks in one backup.</summary>
    public static readonly Version MixedBackup = new(4, 5);
}
