// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>What a VM is set to in collections of its own: drive, watchdog, consoles, host devices, affinity labels.</summary>
internal sealed class VmSettingsResource(EngineCommands commands)
{
    private const string CannotEdit = "Cannot edit VM";

    // Every VM has one drive, and every VM's has this id.
    private static readonly Guid DriveId = Guid.Empty;

    private static readonly string[] WatchdogActions = ["dump", "none", "pause", "poweroff", "reset"];

    private EngineState State => commands.State;

    public void Map(ApiRouter router) => router
        .Map("GET", "/vms/*/cdroms", r => Listing.All(r, "cdroms", [Vm(r)], Drive))
        .Map("GET", "/vms/*/cdroms/*", r => ApiReply.Ok(Drive(Vm(r))))
        .Map("PUT", "/vms/*/cdroms/*", ChangeDisc)
        .Map("GET", "/vms/*/watchdogs", r => Listing.All(r, "watchdogs", Vm(r).Watchdog is null ? [] : (Vm[])[Vm(r)], Watchdog))
        .Map("POST", "/vms/*/watchdogs", AddWatchdog)
        .Map("PUT", "/vms/*/watchdogs/*", r =>
        {
            Vm(r).Watchdog = CheckWatchdog(r.Body);
            return ApiReply.Ok(Watchdog(Vm(r)));
        })
        .Map("GET", "/vms/*/graphicsconsoles", r => Listing.All(r, "graphics_consoles", Vm(r).Consoles.Order(StringComparer.Ordinal), c => Console(Vm(r), c)))
        .Map("POST", "/vms/*/graphicsconsoles", AddConsole)
        .Map("DELETE", "/vms/*/graphicsconsoles/*", r =>
        {
            var protocol = Vm(r).Consoles.FirstOrDefault(c => ConsoleId(c) == r.Captures[1]) ?? throw ApiFault.NotFound();
            Vm(r).Consoles.Remove(protocol);
            return ApiReply.Action();
        })
        .Map("GET", "/vms/*/hostdevices", r => Listing.All(r, "host_devices", Vm(r).HostDevices, d => HostDevice(Vm(r), d)))
        .Map("GET", "/vms/*/affinitylabels", r => Listing.All(
            r, "affinity_labels", State.AffinityLabels.Values.Where(l => l.Vms.Contains(Vm(r).Id)), l => InventoryRender.AffinityLabel(l, $"vms/{Vm(r).Id}/affinitylabels")));

    private static WireNode Drive(Vm vm)
    {
        var node = Node("cdrom", vm, $"cdroms/{DriveId}", DriveId.ToString()).AddReference("vm", vm.Id, "vms");
        return vm.Cdrom is { } file ? node.Add(new WireNode("file").Attr("id", file)) : node;
    }

    private static WireNode Watchdog(Vm vm) => Node("watchdog", vm, $"watchdogs/{DriveId}", DriveId.ToString()).AddAll(vm.Watchdog?.Children ?? []).AddReference("vm", vm.Id, "vms");

    private static WireNode Console(Vm vm, string protocol) => Node("graphics_console", vm, $"graphicsconsoles/{ConsoleId(protocol)}", ConsoleId(protocol)).Add("protocol", protocol);

    private static WireNode HostDevice(Vm vm, string name)
    {
        var id = ConsoleId(name);
        return Node("host_device", vm, $"hostdevices/{id}", id).Add("name", name);
    }

    private static WireNode Node(string name, Vm vm, string path, string id) =>
        new WireNode(name).Attr("href", $"{ApiPaths.Root}/vms/{vm.Id}/{path}").Attr("id", id);

    /// <summary>The engine's ids of these are the hexadecimal letters of their name.</summary>
    private static string ConsoleId(string name) => Convert.ToHexStringLower(System.Text.Encoding.UTF8.GetBytes(name));

    private ApiReply ChangeDisc(ApiRequest r)
    {
        var vm = Vm(r);
        var file = r.Body.Child("file")?.Id ?? throw ApiFault.Incomplete("Cdrom", "file.id", "update");
        if (file.Length > 0 && !IsDisc(vm, file))
        {
            throw ApiFault.Conflict($"{CannotEdit}: The disc image {file} does not exist in an active storage domain of the data center.");
        }

        vm.Cdrom = file.Length > 0 ? file : null;
        return ApiReply.Ok(Drive(vm));
    }

    private bool IsDisc(Vm vm, string file) =>
        Guid.TryParse(file, out var id) && State.Disks.TryGetValue(id, out var disk) && disk.ContentType == "iso"
        && State.StorageDomains[disk.StorageDomainId].DataCenterId == State.DataCenterOf(vm)?.Id;

    private ApiReply AddWatchdog(ApiRequest r)
    {
        var vm = Vm(r);
        if (vm.Watchdog is not null)
        {
            throw ApiFault.Conflict("Cannot add Watchdog: The VM has a watchdog already.");
        }

        vm.Watchdog = CheckWatchdog(r.Body);
        return ApiReply.Created(Watchdog(vm));
    }

    private static WireNode CheckWatchdog(WireNode body)
    {
        var model = body.Value("model") ?? throw ApiFault.Incomplete("Watchdog", "model", "add");
        var action = body.Value("action") ?? throw ApiFault.Incomplete("Watchdog", "action", "add");
        return WatchdogActions.Contains(action)
            ? new WireNode("watchdog").Add("model", model).Add("action", action)
            : throw ApiFault.BadRequest($"Cannot add Watchdog: {action} is no action.");
    }

    private ApiReply AddConsole(ApiRequest r)
    {
        var vm = Vm(r);
        var protocol = r.Body.Value("protocol") is "vnc" or "spice" ? r.Body.Value("protocol")! : throw ApiFault.Incomplete("GraphicsConsole", "protocol", "add");
        return vm.Consoles.Add(protocol)
            ? ApiReply.Created(Console(vm, protocol))
            : throw ApiFault.Conflict("Cannot add Graphics device: The VM has a device of this type already.");
    }

    private Vm Vm(ApiRequest r) => Lookup.Get(State.Vms, r.Id(0));
}
