// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary><c>vms</c>, <c>templates</c>, their disks, NICs and tags.</summary>
internal sealed class VmResource(EngineCommands commands, SearchSchemas search)
{
    // Sub-collections that exist on an engine and are always empty here.
    private static readonly (string Path, string List)[] Empty =
    [
        ("applications", "applications"), ("mediateddevices", "vm_mediated_devices"), ("numanodes", "vm_numa_nodes"),
        ("reporteddevices", "reported_devices"), ("sessions", "sessions"), ("statistics", "statistics"),
    ];

    private EngineState State => commands.State;

    public void Map(ApiRouter router)
    {
        router
            .Map("GET", "/vms", r => Listing.Search(r, "vms", State.Vms.Values, search.Vms, v => VmRender.Vm(State, v, r.AllContent)))
            .Map("POST", "/vms", CreateAsync)
            .Map("GET", "/vms/*", r => ApiReply.Ok(VmRender.Vm(State, Vm(r), r.AllContent)))
            .Map("PUT", "/vms/*", Update)
            .Map("DELETE", "/vms/*", r => ApiReply.Action(commands.Vms.Remove(Vm(r), r.Flag("detach_only"), r.Flag("force"), r.Scope)))
            .Map("POST", "/vms/*/start", r => ApiReply.Action(commands.Power.Start(Vm(r), r.Scope)))
            .Map("POST", "/vms/*/stop", Stop)
            .Map("POST", "/vms/*/shutdown", Stop)
            .Map("POST", "/vms/*/export", r => ApiReply.Action(commands.Exports.Export(Vm(r), r.Body, r.Scope)))
            .Map("POST", "/vms/*/freezefilesystems", r => ApiReply.Action(commands.Power.Filesystems(Vm(r), true, r.Scope)))
            .Map("POST", "/vms/*/thawfilesystems", r => ApiReply.Action(commands.Power.Filesystems(Vm(r), false, r.Scope)));
        MapAttachments(router);
        MapNics(router);
        MapTags(router);
        MapTemplates(router);
        foreach (var (path, list) in Empty)
        {
            router.Map("GET", $"/vms/*/{path}", r => Listing.All(r, list, Vm(r).Nics.Take(0), _ => new WireNode(list)));
        }
    }

    private void MapAttachments(ApiRouter router) => router
        .Map("GET", "/vms/*/diskattachments", r => Listing.All(r, "disk_attachments", Vm(r).Attachments, a => VmRender.Attachment(State, Vm(r).Id, a, "vm")))
        .Map("POST", "/vms/*/diskattachments", AttachAsync)
        .Map("GET", "/vms/*/diskattachments/*", r => ApiReply.Ok(VmRender.Attachment(State, Vm(r).Id, Attachment(r), "vm")))
        .Map("PUT", "/vms/*/diskattachments/*", UpdateAttachmentAsync)
        .Map("DELETE", "/vms/*/diskattachments/*", async r =>
            ApiReply.Action(await commands.Attachments.RemoveAsync(Vm(r), Attachment(r), r.Flag("detach_only", true), r.Scope)));

    private void MapNics(ApiRouter router) => router
        .Map("GET", "/vms/*/nics", r => Listing.All(r, "nics", Vm(r).Nics, n => VmRender.Nic(Vm(r), n)))
        .Map("POST", "/vms/*/nics", AddNic)
        .Map("GET", "/vms/*/nics/*", r => ApiReply.Ok(VmRender.Nic(Vm(r), Nic(r))))
        .Map("PUT", "/vms/*/nics/*", UpdateNic)
        .Map("DELETE", "/vms/*/nics/*", RemoveNic)
        .Map("POST", "/vms/*/nics/*/activate", r => Plug(r, true))
        .Map("POST", "/vms/*/nics/*/deactivate", r => Plug(r, false))
        .Map("GET", "/vms/*/nics/*/statistics", r => Listing.All(r, "statistics", Vm(r).Nics.Take(0), _ => new WireNode("statistic")))
        .Map("GET", "/vms/*/nics/*/reporteddevices", r => Listing.All(
            r, "reported_devices", Vm(r) is { Status: VmStatus.Up, GuestAgent: true } ? [Nic(r)] : (IEnumerable<Nic>)[], n => VmRender.ReportedDevice(Vm(r), n)));

    private void MapTags(ApiRouter router) => router
        .Map("GET", "/vms/*/tags", r => Listing.All(r, "tags", Vm(r).Tags.Select(t => State.Tags[t]), t => InventoryRender.Tag(t, $"vms/{Vm(r).Id}/tags")))
        .Map("POST", "/vms/*/tags", Assign)
        .Map("GET", "/vms/*/tags/*", r => ApiReply.Ok(InventoryRender.Tag(State.Tags[Assigned(r)], $"vms/{Vm(r).Id}/tags")))
        .Map("DELETE", "/vms/*/tags/*", r =>
        {
            Vm(r).Tags.Remove(Assigned(r));
            return ApiReply.Action();
        });

    private void MapTemplates(ApiRouter router) => router
        .Map("GET", "/templates", r => Listing.Search(r, "templates", State.Templates.Values, search.Templates, InventoryRender.Template))
        .Map("POST", "/templates", r =>
        {
            var (template, job) = commands.Vms.CreateTemplate(r.Body, r.Scope);
            return ApiReply.Created(InventoryRender.Template(template), job);
        })
        .Map("GET", "/templates/*", r => ApiReply.Ok(InventoryRender.Template(Lookup.Get(State.Templates, r.Id(0)))))
        .Map("DELETE", "/templates/*", RemoveTemplate)
        .Map("GET", "/templates/*/nics", r => Listing.All<int>(r, "nics", [], _ => new WireNode("nic")))
        .Map("GET", "/templates/*/tags", r => Listing.All<int>(r, "tags", [], _ => new WireNode("tag")))
        .Map("GET", "/templates/*/diskattachments", r =>
        {
            var template = Lookup.Get(State.Templates, r.Id(0));
            return Listing.All(r, "disk_attachments", template.Attachments, a => VmRender.Attachment(State, template.Id, a, "template"));
        });

    private async Task<ApiReply> CreateAsync(ApiRequest r)
    {
        var (vm, job) = await commands.Vms.CreateAsync(r.Body, r.Flag("clone"), r.Scope);
        return ApiReply.Created(VmRender.Vm(State, vm, false), job);
    }

    private ApiReply Update(ApiRequest r)
    {
        commands.Vms.Update(Vm(r), r.Body);
        return ApiReply.Ok(VmRender.Vm(State, Vm(r), false));
    }

    private ApiReply Stop(ApiRequest r) =>
        ApiReply.Action(commands.Power.Stop(Vm(r), r.Body.Flag("force") ?? false, r.Body.Value("reason"), r.Scope));

    private async Task<ApiReply> AttachAsync(ApiRequest r)
    {
        var vm = Vm(r);
        var (attachment, job) = await commands.Attachments.AddAsync(vm, r.Body, r.Scope);
        return ApiReply.Created(VmRender.Attachment(State, vm.Id, attachment, "vm"), job);
    }

    private async Task<ApiReply> UpdateAttachmentAsync(ApiRequest r)
    {
        var vm = Vm(r);
        var attachment = Attachment(r);
        await commands.Attachments.UpdateAsync(vm, attachment, r.Body, r.Scope);
        return ApiReply.Ok(VmRender.Attachment(State, vm.Id, attachment, "vm"));
    }

    private ApiReply AddNic(ApiRequest r)
    {
        var vm = Vm(r);
        var name = r.Body.Value("name") ?? throw ApiFault.Incomplete("Nic", "name", "add");
        if (vm.Nics.Exists(n => n.Name == name))
        {
            throw ApiFault.Conflict("Cannot add Interface: The network interface name is already in use by the VM.");
        }

        var nic = new Nic
        {
            Id = Guid.NewGuid(),
            Name = name,
            Description = r.Body.Value("description"),
            Interface = r.Body.Value("interface") ?? "virtio",
            Mac = r.Body.Value("mac/address") is { Length: > 0 } mac ? CheckMac(mac, null) : commands.Engine.NewMac(),
            VnicProfileId = r.Body.ReferenceId("vnic_profile"),
            Linked = r.Body.Flag("linked") ?? true,
            Plugged = r.Body.Flag("plugged") ?? true,
        };
        vm.Nics.Add(nic);
        return ApiReply.Created(VmRender.Nic(vm, nic));
    }

    private ApiReply UpdateNic(ApiRequest r)
    {
        var nic = Nic(r);
        nic.Name = r.Body.Value("name") ?? nic.Name;
        nic.Interface = r.Body.Value("interface") ?? nic.Interface;
        nic.Linked = r.Body.Flag("linked") ?? nic.Linked;
        nic.Plugged = r.Body.Flag("plugged") ?? nic.Plugged;
        nic.VnicProfileId = r.Body.ReferenceId("vnic_profile") ?? nic.VnicProfileId;
        nic.Mac = r.Body.Value("mac/address") is { Length: > 0 } mac ? CheckMac(mac, nic) : nic.Mac;
        return ApiReply.Ok(VmRender.Nic(Vm(r), nic));
    }

    private ApiReply RemoveNic(ApiRequest r)
    {
        var vm = Vm(r);
        var nic = Nic(r);
        if (vm.IsRunning && nic.Plugged)
        {
            throw ApiFault.Conflict("Cannot remove Interface: The network interface is plugged to a running VM; unplug it first.");
        }

        vm.Nics.Remove(nic);
        return ApiReply.Action();
    }

    private ApiReply Plug(ApiRequest r, bool plugged)
    {
        Nic(r).Plugged = plugged;
        return ApiReply.Action();
    }

    private string CheckMac(string mac, Nic? self)
    {
        if (MacAddress.Parse(mac) is null)
        {
            throw ApiFault.BadRequest($"Cannot add Interface. Invalid MAC address {mac}.");
        }

        return State.Vms.Values.SelectMany(v => v.Nics).Any(n => n != self && n.Mac.Equals(mac, StringComparison.OrdinalIgnoreCase))
            ? throw ApiFault.Conflict($"Cannot add Interface: MAC Address {mac} is already in use.")
            : mac.ToLowerInvariant();
    }

    private ApiReply Assign(ApiRequest r)
    {
        var vm = Vm(r);
        var tag = Lookup.Find(State.Tags, r.Body)
            ?? throw new ApiFault(404, "Operation Failed", $"[Cannot find tag {r.Body.Id ?? r.Body.Value("name")}]");
        vm.Tags.Add(tag.Id);
        return ApiReply.Created(InventoryRender.Tag(tag, $"vms/{vm.Id}/tags"));
    }

    private ApiReply RemoveTemplate(ApiRequest r)
    {
        var template = Lookup.Get(State.Templates, r.Id(0));
        if (template.Id == EngineState.BlankTemplateId)
        {
            throw ApiFault.Conflict("Cannot remove Template: Blank Template cannot be removed.");
        }

        if (State.Vms.Values.Any(v => v.TemplateId == template.Id))
        {
            throw ApiFault.Conflict("Cannot remove Template: The following VM(s) are based on it.");
        }

        foreach (var disk in template.Attachments.Select(a => State.Disks[a.DiskId]).ToList())
        {
            commands.Disks.RemoveUnchecked(disk, r.Scope);
        }

        State.Templates.Remove(template.Id);
        return ApiReply.Action();
    }

    private Vm Vm(ApiRequest r) => Lookup.Get(State.Vms, r.Id(0));

    private DiskAttachment Attachment(ApiRequest r)
    {
        var id = r.Id(1);
        return Vm(r).Attachments.Find(a => a.DiskId == id) ?? throw ApiFault.Gone("DiskAttachment", id);
    }

    private Nic Nic(ApiRequest r) => Lookup.Get(Vm(r).Nics, r.Id(1));

    private Guid Assigned(ApiRequest r) => Vm(r).Tags.Contains(r.Id(1)) ? r.Id(1) : throw ApiFault.Gone("Tag", r.Id(1));
}
