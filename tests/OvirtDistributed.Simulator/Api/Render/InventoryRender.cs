// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Render;

/// <summary>Documents of what surrounds VMs and disks.</summary>
internal static class InventoryRender
{
    private const long GiB = 1L << 30;

    /// <summary>The element of an entity with what all entities share.</summary>
    public static WireNode Start(string element, string href, Entity entity) =>
        new WireNode(element)
            .Attr("href", $"{ApiPaths.Root}/{href}/{entity.Id}")
            .Attr("id", entity.Id.ToString())
            .Add("name", entity.Name)
            .Add("description", entity.Description)
            .Add("comment", entity.Comment);

    /// <summary>Links to sub-collections: rel is the collection's path name.</summary>
    public static WireNode Links(this WireNode node, params string[] collections)
    {
        foreach (var collection in collections)
        {
            node.AddLink(collection, $"{node.Href}/{collection}");
        }

        return node;
    }

    /// <summary>Links to actions.</summary>
    public static WireNode Actions(this WireNode node, params string[] actions)
    {
        var element = new WireNode("actions");
        foreach (var action in actions)
        {
            element.AddLink(action, $"{node.Href}/{action}");
        }

        return node.Add(element);
    }

    public static WireNode DataCenter(DataCenter dc) =>
        Start("data_center", "datacenters", dc)
            .Add("local", dc.Local)
            .Add("quota_mode", "disabled")
            .Add("status", dc.Status)
            .Add("storage_format", dc.StorageFormat)
            .Add(Version("version", dc.Version))
            .Add(new WireNode("supported_versions", WireKind.List).Add(Version("version", dc.Version)))
            .Links("storagedomains", "clusters", "networks", "permissions");

    public static WireNode Cluster(Cluster cluster) =>
        Start("cluster", "clusters", cluster)
            .Add("bios_type", cluster.BiosType)
            .Add("ballooning_enabled", true)
            .Add("gluster_service", false)
            .Add("virt_service", true)
            .Add(new WireNode("cpu").Add("architecture", cluster.Architecture).Add("type", cluster.CpuType))
            .Add(Version("version", cluster.Version))
            .AddReference("data_center", cluster.DataCenterId, "datacenters")
            .AddReference("mac_pool", cluster.MacPoolId, "macpools")
            .Links("networks", "affinitygroups", "permissions");

    public static WireNode Host(EngineState state, EngineHost host)
    {
        var vms = state.Vms.Values.Count(v => v.HostId == host.Id);
        return Start("host", "hosts", host)
            .Add("address", host.Address)
            .Add("status", host.Status)
            .Add("type", "ovirt_node")
            .Add("memory", host.Memory)
            .Add("port", 54321)
            .Add("protocol", "stomp")
            .Add(new WireNode("cpu").Add(new WireNode("topology").Add("cores", 8).Add("sockets", 2).Add("threads", 1)))
            .Add(new WireNode("hardware_information").Add("uuid", host.HardwareId.ToString()).Add("manufacturer", "Simulator"))
            .Add(new WireNode("os").Add("type", "oVirtNode"))
            .Add(new WireNode("spm").Add("priority", 5).Add("status", host.IsSpm ? "spm" : "none"))
            .Add(new WireNode("summary").Add("active", vms).Add("migrating", 0).Add("total", vms))
            .Add(new WireNode("version").Add("build", 0).Add("full_version", "vdsm-4.50.6-1.el9").Add("major", 4).Add("minor", 50).Add("revision", 6))
            .Add(new WireNode("libvirt_version").Add("build", 0).Add("full_version", "libvirt-10.0.0").Add("major", 10).Add("minor", 0).Add("revision", 0))
            .AddReference("cluster", host.ClusterId, "clusters")
            .Links("nics", "statistics", "tags");
    }

    /// <summary>A domain as the top level shows it (status only while unattached) or as its data center does.</summary>
    public static WireNode StorageDomain(EngineState state, StorageDomain domain, bool ofDataCenter)
    {
        var used = state.Disks.Values.Where(d => d.StorageDomainId == domain.Id).Sum(d => d.ActualSize);
        var committed = state.Disks.Values.Where(d => d.StorageDomainId == domain.Id).Sum(d => d.ProvisionedSize);
        var path = ofDataCenter ? $"datacenters/{domain.DataCenterId}/storagedomains" : "storagedomains";
        var node = Start("storage_domain", path, domain)
            .Add("available", (domain.Capacity - used) / GiB * GiB)
            .Add("backup", domain.Backup)
            .Add("block_size", 512)
            .Add("committed", committed / GiB * GiB)
            .Add("external_status", "ok")
            .Add("master", domain.Master)
            .Add("status", ofDataCenter || domain.DataCenterId is null ? domain.Status : null)
            .Add(Storage(domain))
            .Add("storage_format", domain.StorageFormat)
            .Add("supports_discard", true)
            .Add("type", domain.Type)
            .Add("used", (used + GiB - 1) / GiB * GiB)
            .Add("wipe_after_delete", false);
        if (domain.DataCenterId is { } dc)
        {
            node.AddReference("data_center", ofDataCenter ? dc : null, "datacenters")
                .Add(new WireNode("data_centers", WireKind.List).AddReference("data_center", dc, "datacenters"));
        }

        return ofDataCenter
            ? node.Actions("activate", "deactivate").Links("disks")
            : node.Links("disks", "vms", "disksnapshots", "diskprofiles", "permissions");
    }

    public static WireNode Network(Network network) =>
        Start("network", "networks", network)
            .Add("mtu", 0)
            .Add("stp", false)
            .Add("required", network.IsManagement)
            .Add(network.VlanId is { } vlan ? new WireNode("vlan").Attr("id", vlan.ToString(CultureInfo.InvariantCulture)) : null)
            .Add(new WireNode("usages", WireKind.List).AddAll(Usages(network)))
            .AddReference("data_center", network.DataCenterId, "datacenters")
            .Links("vnicprofiles", "permissions");

    public static WireNode VnicProfile(VnicProfile profile) =>
        Start("vnic_profile", "vnicprofiles", profile)
            .Add(new WireNode("pass_through").Add("mode", "disabled"))
            .Add("port_mirroring", false)
            .AddReference("network", profile.NetworkId, "networks")
            .Links("permissions");

    public static WireNode MacPool(MacPool pool) =>
        Start("mac_pool", "macpools", pool)
            .Add("allow_duplicates", false)
            .Add("default_pool", pool.IsDefault)
            .Add(new WireNode("ranges", WireKind.List).Add(new WireNode("range")
                .Add("from", MacAddress.Format(pool.First)).Add("to", MacAddress.Format(pool.Last))));

    public static WireNode DiskProfile(DiskProfile profile) =>
        Start("disk_profile", "diskprofiles", profile).AddReference("storage_domain", profile.StorageDomainId, "storagedomains");

    public static WireNode Tag(Tag tag, string path) =>
        Start("tag", path, tag).AddReference("parent", tag.ParentId, "tags");

    public static WireNode Template(Template template)
    {
        var node = Start("template", "templates", template)
            .Add("status", template.Status)
            .Add("memory", template.Memory)
            .AddDate("creation_time", template.CreationTime)
            .Add(new WireNode("version").Add("version_name", "base version").Add("version_number", 1)
                .AddReference("base_template", template.Id, "templates"))
            .AddReference("cluster", template.ClusterId, "clusters")
            .AddAll(template.Stored.Values);
        return node.Links("diskattachments", "nics", "tags", "permissions");
    }

    public static WireNode AffinityGroup(AffinityGroup group) =>
        Start("affinity_group", $"clusters/{group.ClusterId}/affinitygroups", group)
            .AddAll(group.Rules.Children)
            .AddReference("cluster", group.ClusterId, "clusters")
            .Add(References("vms", "vm", "vms", group.Vms))
            .Add(References("hosts", "host", "hosts", group.Hosts))
            .Links("vms", "hosts");

    public static WireNode AffinityLabel(AffinityLabel label, string path) =>
        Start("affinity_label", path, label)
            .Add("has_implicit_affinity_group", false)
            .Add(References("vms", "vm", "vms", label.Vms))
            .Links("vms", "hosts");

    private static WireNode References(string list, string item, string collection, IEnumerable<Guid> ids) =>
        new WireNode(list, WireKind.List).AddAll(ids.Select(id => new WireNode(item).Attr("href", $"{ApiPaths.Root}/{collection}/{id}").Attr("id", id.ToString())));

    public static WireNode Version(string name, Version version) =>
        new WireNode(name).Add("major", version.Major).Add("minor", version.Minor);

    private static IEnumerable<WireNode> Usages(Network network) =>
        (network.IsManagement ? new[] { "vm", "management", "display", "migration", "default_route" } : ["vm"])
        .Select(u => new WireNode("usage", WireKind.Text, u));

    private static WireNode Storage(StorageDomain domain)
    {
        var storage = new WireNode("storage").Add("type", domain.StorageType);
        if (domain.IsBlock)
        {
            return storage.Add(new WireNode("volume_group").Attr("id", domain.Path ?? domain.Id.ToString("N")));
        }

        return storage.Add("address", domain.Address).Add("path", domain.Path).Add("nfs_version", domain.StorageType == "nfs" ? "auto" : null);
    }
}
