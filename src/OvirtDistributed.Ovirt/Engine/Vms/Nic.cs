// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Vms;

/// <param name="Id">Its id.</param>
/// <param name="Name">Its name, such as nic1.</param>
/// <param name="Interface">virtio, e1000, ...</param>
/// <param name="MacAddress">Its MAC.</param>
/// <param name="Profile">Null for a NIC on no network.</param>
/// <param name="Linked">Cable in.</param>
/// <param name="Plugged">Card in.</param>
/// <param name="Addresses">IP addresses the guest agent reported, where they were asked for.</param>
public sealed record Nic(
    NicId Id,
    string Name,
    string? Interface,
    string? MacAddress,
    VnicProfileId? Profile,
    bool Linked,
    bool Plugged,
    IReadOnlyList<string> Addresses);
