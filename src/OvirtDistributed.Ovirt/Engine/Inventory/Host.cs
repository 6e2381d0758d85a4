// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Inventory;

public enum HostStatus
{
    Unknown,
    Up,
    Down,
    Maintenance,
    PreparingForMaintenance,
    NonOperational,
    NonResponsive,
    Installing,
    InstallingOs,
    InstallFailed,
    Reboot,
    Connecting,
    Error,
    Initializing,
    PendingApproval,
    Kdumping,
    Unassigned,
}

/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Address">The name or address it was registered with; transfer URLs use it.</param>
/// <param name="Status">Its status.</param>
/// <param name="Cluster">Its cluster.</param>
/// <param name="VdsmVersion">Version of the host agent.</param>
public sealed record Host(HostId Id, string Name, string Address, HostStatus Status, ClusterId? Cluster, string? VdsmVersion);
