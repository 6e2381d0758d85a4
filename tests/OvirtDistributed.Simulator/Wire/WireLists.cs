// SPDX-License-Identifier: Apache-2.0

using System.Collections.Frozen;

namespace OvirtDistributed.Simulator.Wire;

/// <summary>
/// Elements that hold a list, with the name of one item. XML does not show which elements are lists, JSON does;
/// what comes in as XML must go out as the right JSON.
/// </summary>
internal static class WireLists
{
    private static readonly FrozenDictionary<string, string> Items = new Dictionary<string, string>
    {
        ["affinity_groups"] = "affinity_group",
        ["affinity_labels"] = "affinity_label",
        ["authentication_methods"] = "authentication_method",
        ["cdroms"] = "cdrom",
        ["checkpoints"] = "checkpoint",
        ["clusters"] = "cluster",
        ["custom_properties"] = "custom_property",
        ["data_centers"] = "data_center",
        ["devices"] = "device",
        ["disk_attachments"] = "disk_attachment",
        ["disk_profiles"] = "disk_profile",
        ["disk_snapshots"] = "disk_snapshot",
        ["disks"] = "disk",
        ["graphics_consoles"] = "graphics_console",
        ["host_devices"] = "host_device",
        ["hosts"] = "host",
        ["ips"] = "ip",
        ["nic_configurations"] = "nic_configuration",
        ["nics"] = "nic",
        ["permissions"] = "permission",
        ["ranges"] = "range",
        ["reported_devices"] = "reported_device",
        ["snapshots"] = "snapshot",
        ["storage_domains"] = "storage_domain",
        ["tags"] = "tag",
        ["templates"] = "template",
        ["usages"] = "usage",
        ["vcpu_pins"] = "vcpu_pin",
        ["vms"] = "vm",
        ["vnic_profiles"] = "vnic_profile",
        ["watchdogs"] = "watchdog",
    }.ToFrozenDictionary();

    public static bool IsList(string name) => Items.ContainsKey(name);

    /// <summary>The plain singular of a list element.</summary>
    public static string? ItemOf(string name) => Items.GetValueOrDefault(name);
}
