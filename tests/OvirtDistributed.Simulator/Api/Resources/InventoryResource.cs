// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>Data centers, clusters, hosts, networks, profiles, tags.</summary>
internal sealed class InventoryResource(EngineCommands commands, SearchSchemas search)
{
    private EngineState State => commands.State;

    public void Map(ApiRouter router)
    {
        MapDataCenters(router);
        MapClusters(router);
        MapHosts(router);
        MapNetworks(router);
        MapTags(router);
        MapAffinityLabels(router);
    }

    private void MapDataCenters(ApiRouter router) => router
        .Map("GET", "/datacenters", r => Listing.Search(r, "data_centers", State.DataCenters.Values, search.DataCenters, InventoryRender.DataCenter))
        .Map("POST", "/datacenters", AddDataCenter)
        .Map("GET", "/datacenters/*", r => ApiReply.Ok(InventoryRender.DataCenter(DataCenter(r))))
        .Map("PUT", "/datacenters/*", r =>
        {
            DataCenter(r).Name = r.Body.Value("name") ?? DataCenter(r).Name;
            DataCenter(r).Description = r.Body.Value("description") ?? DataCenter(r).Description;
            return ApiReply.Ok(InventoryRender.DataCenter(DataCenter(r)));
        })
        .Map("GET", "/datacenters/*/clusters", r => Listing.All(
            r, "clusters", State.Clusters.Values.Where(c => c.DataCenterId == DataCenter(r).Id), InventoryRender.Cluster))
        .Map("GET", "/datacenters/*/networks", r => Listing.All(
            r, "networks", State.Networks.Values.Where(n => n.DataCenterId == DataCenter(r).Id), InventoryRender.Network));

    private void MapClusters(ApiRouter router) => router
        .Map("GET", "/clusters", r => Listing.Search(r, "clusters", State.Clusters.Values, search.Clusters, InventoryRender.Cluster))
        .Map("POST", "/clusters", AddCluster)
        .Map("GET", "/clusters/*", r => ApiReply.Ok(InventoryRender.Cluster(Cluster(r))))
        .Map("PUT", "/clusters/*", UpdateCluster)
        .Map("GET", "/clusters/*/networks", r => Listing.All(
            r, "networks", State.Networks.Values.Where(n => n.DataCenterId == Cluster(r).DataCenterId), InventoryRender.Network))
        .Map("GET", "/clusters/*/affinitygroups", r => Listing.All(
            r, "affinity_groups", State.AffinityGroups.Values.Where(g => g.ClusterId == Cluster(r).Id), InventoryRender.AffinityGroup))
        .Map("POST", "/clusters/*/affinitygroups", AddAffinityGroup)
        .Map("GET", "/clusters/*/affinitygroups/*", r => ApiReply.Ok(InventoryRender.AffinityGroup(Lookup.Get(State.AffinityGroups, r.Id(1)))))
        .Map("DELETE", "/clusters/*/affinitygroups/*", r =>
        {
            State.AffinityGroups.Remove(Lookup.Get(State.AffinityGroups, r.Id(1)).Id);
            return ApiReply.Action();
        })
        .Map("GET", "/clusters/*/affinitygroups/*/vms", r => Listing.All(
            r, "vms", Lookup.Get(State.AffinityGroups, r.Id(1)).Vms.Where(State.Vms.ContainsKey), v => VmRender.Vm(State, State.Vms[v], false)))
        .Map("POST", "/clusters/*/affinitygroups/*/vms", AddToAffinityGroup)
        .Map("GET", "/clusters/*/affinitygroups/*/hosts", r => Listing.All(
            r, "hosts", Lookup.Get(State.AffinityGroups, r.Id(1)).Hosts.Where(State.Hosts.ContainsKey), h => InventoryRender.Host(State, State.Hosts[h])));

    private void MapAffinityLabels(ApiRouter router) => router
        .Map("GET", "/affinitylabels", r => Listing.All(r, "affinity_labels", State.AffinityLabels.Values, l => InventoryRender.AffinityLabel(l, "affinitylabels")))
        .Map("POST", "/affinitylabels", AddAffinityLabel)
        .Map("GET", "/affinitylabels/*", r => ApiReply.Ok(InventoryRender.AffinityLabel(Lookup.Get(State.AffinityLabels, r.Id(0)), "affinitylabels")))
        .Map("DELETE", "/affinitylabels/*", r =>
        {
            State.AffinityLabels.Remove(Lookup.Get(State.AffinityLabels, r.Id(0)).Id);
            return ApiReply.Action();
        })
        .Map("POST", "/affinitylabels/*/vms", AddToAffinityLabel);

    private void MapHosts(ApiRouter router) => router
        .Map("GET", "/hosts", r => Listing.Search(r, "hosts", State.Hosts.Values, search.Hosts, h => InventoryRender.Host(State, h)))
        .Map("GET", "/hosts/*", r => ApiReply.Ok(InventoryRender.Host(State, Host(r))))
        .Map("GET", "/hosts/*/nics", r => Listing.All<int>(r, "host_nics", [], _ => new WireNode("host_nic")))
        .Map("GET", "/hosts/*/statistics", r => Listing.All<int>(r, "statistics", [], _ => new WireNode("statistic")))
        .Map("GET", "/hosts/*/tags", r => Listing.All<int>(r, "tags", [], _ => new WireNode("tag")))
        .Map("POST", "/hosts/*/deactivate", r => SetHost(r, "maintenance"))
        .Map("POST", "/hosts/*/activate", r => SetHost(r, "up"));

    private void MapNetworks(ApiRouter router) => router
        .Map("GET", "/networks", r => Listing.Search(r, "networks", State.Networks.Values, search.Networks, InventoryRender.Network))
        .Map("POST", "/networks", AddNetwork)
        .Map("GET", "/networks/*", r => ApiReply.Ok(InventoryRender.Network(Lookup.Get(State.Networks, r.Id(0)))))
        .Map("GET", "/networks/*/vnicprofiles", r => Listing.All(
            r, "vnic_profiles", State.VnicProfiles.Values.Where(p => p.NetworkId == r.Id(0)), InventoryRender.VnicProfile))
        .Map("GET", "/vnicprofiles", r => Listing.All(r, "vnic_profiles", State.VnicProfiles.Values, InventoryRender.VnicProfile))
        .Map("GET", "/vnicprofiles/*", r => ApiReply.Ok(InventoryRender.VnicProfile(Lookup.Get(State.VnicProfiles, r.Id(0)))))
        .Map("GET", "/macpools", r => Listing.All(r, "mac_pools", State.MacPools.Values, InventoryRender.MacPool))
        .Map("POST", "/macpools", AddMacPool)
        .Map("GET", "/macpools/*", r => ApiReply.Ok(InventoryRender.MacPool(Lookup.Get(State.MacPools, r.Id(0)))));

    private void MapTags(ApiRouter router) => router
        .Map("GET", "/tags", r => Listing.All(r, "tags", State.Tags.Values, t => InventoryRender.Tag(t, "tags")))
        .Map("POST", "/tags", AddTag)
        .Map("GET", "/tags/*", r => ApiReply.Ok(InventoryRender.Tag(Lookup.Get(State.Tags, r.Id(0)), "tags")))
        .Map("PUT", "/tags/*", r =>
        {
            var tag = Lookup.Get(State.Tags, r.Id(0));
            tag.Name = r.Body.Value("name") ?? tag.Name;
            tag.Description = r.Body.Value("description") ?? tag.Description;
            return ApiReply.Ok(InventoryRender.Tag(tag, "tags"));
        })
        .Map("DELETE", "/tags/*", RemoveTag);

    private ApiReply AddDataCenter(ApiRequest r)
    {
        var dc = new DataCenter
        {
            Id = r.Body.Guid() ?? Guid.NewGuid(),
            Name = UniqueName(r, State.DataCenters.Values, "DataCenter"),
            Description = r.Body.Value("description"),
            Local = r.Body.Flag("local") ?? false,
            Status = "uninitialized",
        };
        State.DataCenters.Add(dc.Id, dc);
        return ApiReply.Created(InventoryRender.DataCenter(dc));
    }

    private ApiReply AddCluster(ApiRequest r)
    {
        var dc = Lookup.Find(State.DataCenters, r.Body.Child("data_center")) ?? throw ApiFault.Incomplete("Cluster", "dataCenter.id|name", "add");
        var version = r.Body.Child("version");
        var cluster = new Cluster
        {
            Id = r.Body.Guid() ?? Guid.NewGuid(),
            Name = UniqueName(r, State.Clusters.Values, "Cluster"),
            Description = r.Body.Value("description"),
            DataCenterId = dc.Id,
            Version = version is null ? dc.Version : new Version((int)(version.Number("major") ?? 4), (int)(version.Number("minor") ?? 7)),
            CpuType = r.Body.Value("cpu/type") ?? "Intel Cascadelake Server Family",
            MacPoolId = State.MacPools.Values.FirstOrDefault(p => p.IsDefault)?.Id,
        };
        State.Clusters.Add(cluster.Id, cluster);
        return ApiReply.Created(InventoryRender.Cluster(cluster));
    }

    private ApiReply UpdateCluster(ApiRequest r)
    {
        var cluster = Cluster(r);
        cluster.Name = r.Body.Value("name") ?? cluster.Name;
        cluster.Description = r.Body.Value("description") ?? cluster.Description;
        cluster.MacPoolId = r.Body.ReferenceId("mac_pool") ?? cluster.MacPoolId;
        if (r.Body.Child("version") is { } version)
        {
            cluster.Version = new Version((int)(version.Number("major") ?? 4), (int)(version.Number("minor") ?? 7));
        }

        return ApiReply.Ok(InventoryRender.Cluster(cluster));
    }

    private ApiReply AddAffinityGroup(ApiRequest r)
    {
        var group = new AffinityGroup
        {
            Id = Guid.NewGuid(),
            ClusterId = Cluster(r).Id,
            Name = UniqueName(r, State.AffinityGroups.Values.Where(g => g.ClusterId == Cluster(r).Id), "AffinityGroup"),
            Description = r.Body.Value("description"),
            Rules = new WireNode("rules").Add(r.Body.Child("vms_rule")).Add(r.Body.Child("hosts_rule"))
                .Add("enforcing", r.Body.Value("enforcing")).Add("positive", r.Body.Value("positive")).Add("priority", r.Body.Value("priority")),
        };
        foreach (var node in r.Body.Items("hosts") ?? [])
        {
            var host = Lookup.Host(State, node, "AffinityGroup", "add");
            group.Hosts.Add(host.ClusterId == group.ClusterId
                ? host.Id
                : throw ApiFault.Conflict("Cannot add Affinity Group: One or more of the hosts do not belong to the cluster."));
        }

        State.AffinityGroups.Add(group.Id, group);
        return ApiReply.Created(InventoryRender.AffinityGroup(group));
    }

    private ApiReply AddToAffinityGroup(ApiRequest r)
    {
        var group = Lookup.Get(State.AffinityGroups, r.Id(1));
        var vm = Lookup.Find(State.Vms, r.Body) ?? throw ApiFault.Incomplete("Vm", "id|name", "add");
        if (vm.ClusterId != group.ClusterId)
        {
            throw ApiFault.Conflict("Cannot edit Affinity Group: One or more of the VMs do not belong to the cluster of the affinity group.");
        }

        if (!group.Vms.Add(vm.Id))
        {
            throw ApiFault.Conflict("Cannot edit Affinity Group: The affinity group contains the VM already.");
        }

        return ApiReply.Created(VmRender.Vm(State, vm, false));
    }

    private ApiReply AddAffinityLabel(ApiRequest r)
    {
        var label = new AffinityLabel { Id = Guid.NewGuid(), Name = UniqueName(r, State.AffinityLabels.Values, "AffinityLabel") };
        State.AffinityLabels.Add(label.Id, label);
        return ApiReply.Created(InventoryRender.AffinityLabel(label, "affinitylabels"));
    }

    private ApiReply AddToAffinityLabel(ApiRequest r)
    {
        var label = Lookup.Get(State.AffinityLabels, r.Id(0));
        var vm = Lookup.Find(State.Vms, r.Body) ?? throw ApiFault.Incomplete("Vm", "id", "add");
        label.Vms.Add(vm.Id);
        return ApiReply.Created(new WireNode("vm").Attr("href", $"{ApiPaths.Root}/vms/{vm.Id}").Attr("id", vm.Id.ToString()));
    }

    private ApiReply AddNetwork(ApiRequest r)
    {
        var dc = Lookup.Find(State.DataCenters, r.Body.Child("data_center")) ?? throw ApiFault.Incomplete("Network", "dataCenter.id|name", "add");
        var network = new Network
        {
            Id = Guid.NewGuid(),
            Name = UniqueName(r, State.Networks.Values.Where(n => n.DataCenterId == dc.Id), "Network"),
            Description = r.Body.Value("description"),
            DataCenterId = dc.Id,
            VlanId = r.Body.Child("vlan")?.Id is { } vlan && int.TryParse(vlan, out var number) ? number : null,
        };
        State.Networks.Add(network.Id, network);
        // The engine makes a profile of the same name with a new network.
        var profile = new VnicProfile { Id = Guid.NewGuid(), Name = network.Name, NetworkId = network.Id };
        State.VnicProfiles.Add(profile.Id, profile);
        return ApiReply.Created(InventoryRender.Network(network));
    }

    private ApiReply AddMacPool(ApiRequest r)
    {
        var range = r.Body.Items("ranges") is [{ } first, ..] ? first : throw ApiFault.Incomplete("MacPool", "ranges", "add");
        var pool = new MacPool
        {
            Id = Guid.NewGuid(),
            Name = UniqueName(r, State.MacPools.Values, "MacPool"),
            Description = r.Body.Value("description"),
            First = MacAddress.Parse(range.Value("from") ?? string.Empty) ?? throw ApiFault.BadRequest($"Cannot add MacPool. Invalid MAC address {range.Value("from")}."),
            Last = MacAddress.Parse(range.Value("to") ?? string.Empty) ?? throw ApiFault.BadRequest($"Cannot add MacPool. Invalid MAC address {range.Value("to")}."),
        };
        State.MacPools.Add(pool.Id, pool);
        return ApiReply.Created(InventoryRender.MacPool(pool));
    }

    private ApiReply SetHost(ApiRequest r, string status)
    {
        var host = Host(r);
        if (status == "maintenance" && State.Vms.Values.Any(v => v.HostId == host.Id))
        {
            throw ApiFault.Conflict("Cannot switch Host to Maintenance mode: the host has running VMs that cannot be migrated here.");
        }

        host.Status = status;
        return ApiReply.Action();
    }

    private ApiReply AddTag(ApiRequest r)
    {
        var tag = new Tag
        {
            Id = Guid.NewGuid(),
            Name = UniqueName(r, State.Tags.Values, "Tag"),
            Description = r.Body.Value("description"),
            ParentId = r.Body.ReferenceId("parent") ?? Guid.Empty,
        };
        State.Tags.Add(tag.Id, tag);
        return ApiReply.Created(InventoryRender.Tag(tag, "tags"));
    }

    private ApiReply RemoveTag(ApiRequest r)
    {
        var tag = Lookup.Get(State.Tags, r.Id(0));
        if (tag.Id == Guid.Empty)
        {
            throw ApiFault.Conflict("Cannot remove Tag: the root tag cannot be removed.");
        }

        State.Tags.Remove(tag.Id);
        foreach (var vm in State.Vms.Values)
        {
            vm.Tags.Remove(tag.Id);
        }

        return ApiReply.Action();
    }

    private static string UniqueName<T>(ApiRequest r, IEnumerable<T> existing, string type)
        where T : Entity
    {
        var name = r.Body.Value("name");
        if (string.IsNullOrWhiteSpace(name))
        {
            throw ApiFault.Incomplete(type, "name", "add");
        }

        return existing.Any(e => e.Name == name)
            ? throw ApiFault.Conflict($"Cannot add {type}: The name {name} is already in use.")
            : name;
    }

    private DataCenter DataCenter(ApiRequest r) => Lookup.Get(State.DataCenters, r.Id(0));

    private Cluster Cluster(ApiRequest r) => Lookup.Get(State.Clusters, r.Id(0));

    private EngineHost Host(ApiRequest r) => Lookup.Get(State.Hosts, r.Id(0));
}
