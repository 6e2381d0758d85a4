// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary><c>disks</c> and their layers.</summary>
internal sealed class DiskResource(EngineCommands commands, SearchSchemas search)
{
    private EngineState State => commands.State;

    public void Map(ApiRouter router) => router
        .Map("GET", "/disks", r => Listing.Search(r, "disks", State.Disks.Values, search.Disks, d => DiskRender.Disk(State, d)))
        .Map("POST", "/disks", Create)
        .Map("GET", "/disks/*", r => ApiReply.Ok(DiskRender.Disk(State, Disk(r))))
        .Map("PUT", "/disks/*", Update)
        .Map("DELETE", "/disks/*", r => ApiReply.Action(commands.Disks.Remove(Disk(r), r.Scope)))
        .Map("POST", "/disks/*/convert", r => ApiReply.Action(commands.Disks.Convert(Disk(r), r.Body, r.Scope)))
        .Map("POST", "/disks/*/move", r => ApiReply.Action(commands.Disks.Move(Disk(r), r.Body, r.Scope)))
        .Map("GET", "/disks/*/statistics", r => Listing.All<int>(r, "statistics", [], _ => new Wire.WireNode("statistic")))
        .Map("GET", "/disks/*/disksnapshots", Layers)
        .Map("GET", "/disks/*/disksnapshots/*", Layer);

    private ApiReply Create(ApiRequest r)
    {
        commands.Engine.Level.Check(r, ("backup", commands.Engine.Level.Backups));
        var (disk, job) = commands.Disks.Create(r.Body, r.Scope);
        return ApiReply.Created(DiskRender.Disk(State, disk), job);
    }

    private ApiReply Update(ApiRequest r)
    {
        commands.Engine.Level.Check(r, ("backup", commands.Engine.Level.Backups));
        var disk = Disk(r);
        commands.Disks.Update(disk, r.Body, r.Scope);
        return ApiReply.Ok(DiskRender.Disk(State, disk));
    }

    private ApiReply Layers(ApiRequest r)
    {
        RequireLayers(r);
        var disk = Disk(r);
        // The active layer and the template's are listed only on request.
        var fromTemplate = commands.Engine.Level.TemplateLayers && r.Flag("include_template");
        var layers = disk.Volumes.Where(v => (r.Flag("include_active") || !ReferenceEquals(v, disk.Active)) && (fromTemplate || v.TemplateDisk is null));
        return Listing.All(r, "disk_snapshots", layers, v => DiskRender.DiskSnapshot(State, disk, v, $"disks/{disk.Id}/disksnapshots"));
    }

    private ApiReply Layer(ApiRequest r)
    {
        RequireLayers(r);
        var disk = Disk(r);
        var id = r.Id(1);
        var volume = disk.Volumes.Find(v => v.ImageId == id) ?? throw ApiFault.Gone("DiskSnapshot", id);
        return ApiReply.Ok(DiskRender.DiskSnapshot(State, disk, volume, $"disks/{disk.Id}/disksnapshots"));
    }

    // Older engines list layers under their storage domain only.
    private void RequireLayers(ApiRequest r)
    {
        if (!commands.Engine.Level.Layers)
        {
            throw ApiFault.Gone("resource", r.Path);
        }
    }

    private Disk Disk(ApiRequest r) => Lookup.Get(State.Disks, r.Id(0));
}
