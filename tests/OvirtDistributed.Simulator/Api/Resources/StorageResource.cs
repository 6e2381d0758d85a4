// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>Storage domains, at the top level and in their data centers, and disk profiles.</summary>
internal sealed class StorageResource(EngineCommands commands, SearchSchemas search)
{
    private EngineState State => commands.State;

    public void Map(ApiRouter router)
    {
        MapTop(router);
        MapOfDataCenter(router);
        router
            .Map("GET", "/diskprofiles", r => Listing.All(r, "disk_profiles", State.DiskProfiles.Values, InventoryRender.DiskProfile))
            .Map("GET", "/diskprofiles/*", r => ApiReply.Ok(InventoryRender.DiskProfile(Lookup.Get(State.DiskProfiles, r.Id(0)))));
    }

    private void MapTop(ApiRouter router) => router
        .Map("GET", "/storagedomains", r => Listing.Search(
            r, "storage_domains", State.StorageDomains.Values, search.Domains, d => InventoryRender.StorageDomain(State, d, false)))
        .Map("POST", "/storagedomains", r =>
        {
            var (domain, job) = commands.Domains.Create(r.Body, r.Scope);
            return ApiReply.Created(InventoryRender.StorageDomain(State, domain, false), job);
        })
        .Map("GET", "/storagedomains/*", r => ApiReply.Ok(InventoryRender.StorageDomain(State, Domain(r, 0), false)))
        .Map("DELETE", "/storagedomains/*", r => ApiReply.Action(
            commands.Domains.Remove(Domain(r, 0), r.Text("host") ?? r.Body.Child("host")?.Id ?? r.Body.Value("host/name"), r.Flag("destroy"), r.Scope)))
        .Map("GET", "/storagedomains/*/disks", r => Listing.All(
            r, "disks", State.Disks.Values.Where(d => d.StorageDomainId == Domain(r, 0).Id), d => DiskRender.Disk(State, d)))
        .Map("GET", "/storagedomains/*/disks/*", r => ApiReply.Ok(DiskRender.Disk(State, Lookup.Get(State.Disks, r.Id(1)))))
        .Map("DELETE", "/storagedomains/*/disks/*", r => ApiReply.Action(commands.Disks.Remove(Lookup.Get(State.Disks, r.Id(1)), r.Scope)))
        .Map("GET", "/storagedomains/*/vms", r => Domain(r, 0) is { Type: "export" } export
            ? Listing.All(r, "vms", commands.Exports.List(export), v => ExportRender.Vm(export, v))
            : Listing.All(r, "vms", VmsOf(Domain(r, 0)), v => VmRender.Vm(State, v, false)))
        .Map("GET", "/storagedomains/*/vms/*", r => ApiReply.Ok(ExportRender.Vm(Domain(r, 0), commands.Exports.Get(Domain(r, 0), r.Id(1)))))
        .Map("DELETE", "/storagedomains/*/vms/*", r => ApiReply.Action(commands.Exports.Remove(Domain(r, 0), r.Id(1), r.Scope)))
        .Map("POST", "/storagedomains/*/vms/*/import", r => ApiReply.Action(commands.Exports.Import(Domain(r, 0), r.Id(1), r.Body, r.Scope)))
        .Map("GET", "/storagedomains/*/diskprofiles", r => Listing.All(
            r, "disk_profiles", State.DiskProfiles.Values.Where(p => p.StorageDomainId == Domain(r, 0).Id), InventoryRender.DiskProfile))
        .Map("GET", "/storagedomains/*/disksnapshots", r => Listing.All(r, "disk_snapshots", Layers(r), l => Layer(r, l.Disk, l.Volume)))
        .Map("GET", "/storagedomains/*/disksnapshots/*", r =>
        {
            var id = r.Id(1);
            var layer = Layers(r).FirstOrDefault(l => l.Volume.ImageId == id);
            return layer.Disk is null ? throw ApiFault.Gone("DiskSnapshot", id) : ApiReply.Ok(Layer(r, layer.Disk, layer.Volume));
        });

    private void MapOfDataCenter(ApiRouter router) => router
        .Map("GET", "/datacenters/*/storagedomains", r =>
        {
            var dc = Lookup.Get(State.DataCenters, r.Id(0));
            return Listing.All(r, "storage_domains", State.StorageDomains.Values.Where(d => d.DataCenterId == dc.Id), d => InventoryRender.StorageDomain(State, d, true));
        })
        .Map("POST", "/datacenters/*/storagedomains", r =>
        {
            var domain = Lookup.Domain(State, r.Body, "StorageDomain", "add");
            var job = commands.Domains.Attach(Lookup.Get(State.DataCenters, r.Id(0)), domain, r.Scope);
            return ApiReply.Created(InventoryRender.StorageDomain(State, domain, true), job);
        })
        .Map("GET", "/datacenters/*/storagedomains/*", r => ApiReply.Ok(InventoryRender.StorageDomain(State, Attached(r), true)))
        .Map("DELETE", "/datacenters/*/storagedomains/*", r => ApiReply.Action(commands.Domains.Detach(Attached(r), r.Scope)))
        .Map("POST", "/datacenters/*/storagedomains/*/activate", r => ApiReply.Action(commands.Domains.Activate(Attached(r), r.Scope)))
        .Map("POST", "/datacenters/*/storagedomains/*/deactivate", r => ApiReply.Action(commands.Domains.Deactivate(Attached(r), r.Scope)))
        .Map("GET", "/datacenters/*/storagedomains/*/disks", r => Listing.All(
            r, "disks", State.Disks.Values.Where(d => d.StorageDomainId == Attached(r).Id), d => DiskRender.Disk(State, d)));

    private IEnumerable<Vm> VmsOf(StorageDomain domain) =>
        State.Vms.Values.Where(v => v.Attachments.Exists(a => State.Disks.TryGetValue(a.DiskId, out var d) && d.StorageDomainId == domain.Id));

    private IEnumerable<(Disk Disk, Volume Volume)> Layers(ApiRequest r)
    {
        var domain = Domain(r, 0);
        return State.Disks.Values.Where(d => d.StorageDomainId == domain.Id).SelectMany(d => d.OwnVolumes.Select(v => (d, v)))
            // Before a disk's layers could be listed, active ones were not.
            .Where(l => commands.Engine.Level.Layers || !ReferenceEquals(l.v, l.d.Active));
    }

    private WireNode Layer(ApiRequest r, Disk disk, Volume volume) =>
        DiskRender.DiskSnapshot(State, disk, volume, $"storagedomains/{r.Id(0)}/disksnapshots");

    private StorageDomain Domain(ApiRequest r, int capture) => Lookup.Get(State.StorageDomains, r.Id(capture));

    private StorageDomain Attached(ApiRequest r)
    {
        var domain = Domain(r, 1);
        return domain.DataCenterId == r.Id(0) ? domain : throw ApiFault.Gone("StorageDomain", domain.Id);
    }
}
