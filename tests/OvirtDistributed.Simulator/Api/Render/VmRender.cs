// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Render;

/// <summary>Documents of VMs and what belongs to them.</summary>
internal static class VmRender
{
    private static readonly string[] Collections =
    [
        "affinitylabels", "applications", "backups", "cdroms", "checkpoints", "diskattachments", "graphicsconsoles", "hostdevices",
        "mediateddevices", "nics", "numanodes", "permissions", "reporteddevices", "sessions", "snapshots", "statistics", "tags", "watchdogs",
    ];

    private static readonly string[] ActionNames =
    [
        "clone", "export", "freezefilesystems", "migrate", "reboot", "shutdown", "start", "stop", "suspend", "thawfilesystems",
    ];

    public static WireNode Vm(EngineState state, Vm vm, bool allContent)
    {
        var node = InventoryRender.Start("vm", "vms", vm);
        Configuration(node, vm)
            .Add("status", vm.Status)
            .Add("stop_reason", vm.StopReason)
            .Add("fqdn", vm.IsRunning ? vm.Fqdn : null)
            .Add("has_illegal_images", vm.Attachments.Any(a => state.Disks.TryGetValue(a.DiskId, out var d) && d.Status == DiskStatus.Illegal))
            .Add("next_run_configuration_exists", false)
            .Add("run_once", false)
            .AddDate("start_time", vm.StartTime)
            .AddReference("host", vm.HostId, "hosts")
            .AddReference("original_template", vm.TemplateId, "templates");
        if (allContent)
        {
            AddOvf(node, OvfWriter.Write(state, vm, null));
            node.Set(new WireNode("virtio_scsi").Add("enabled", vm.VirtioScsi));
            node.Set(vm.Stored.GetValueOrDefault("console") ?? new WireNode("console").Add("enabled", false));
            node.Set(vm.Stored.GetValueOrDefault("soundcard_enabled") ?? new WireNode("soundcard_enabled", WireKind.Text, "false"));
        }

        return node.Actions(ActionNames).Links(Collections);
    }

    /// <summary>What a snapshot keeps of the VM too.</summary>
    public static WireNode Configuration(WireNode node, Vm vm) =>
        node.Add("memory", vm.Memory)
            .Add("delete_protected", vm.DeleteProtected)
            .AddDate("creation_time", vm.CreationTime)
            .Add("stateless", false)
            .AddReference("cluster", vm.ClusterId, "clusters")
            .AddReference("template", vm.TemplateId, "templates")
            .AddAll(vm.Stored.Values);

    public static WireNode Nic(Vm vm, Nic nic)
    {
        var node = InventoryRender.Start("nic", $"vms/{vm.Id}/nics", nic)
            .Add("interface", nic.Interface)
            .Add("linked", nic.Linked)
            .Add("plugged", nic.Plugged)
            .Add("synced", true)
            .Add(new WireNode("mac").Add("address", nic.Mac))
            .AddReference("vnic_profile", nic.VnicProfileId, "vnicprofiles")
            .AddReference("vm", vm.Id, "vms");
        return node.Actions("activate", "deactivate").Links("reporteddevices", "statistics");
    }

    /// <summary>The addresses a running guest's agent reports for a NIC.</summary>
    public static WireNode ReportedDevice(Vm vm, Nic nic)
    {
        var addresses = new WireNode("ips", WireKind.List);
        foreach (var address in vm.GuestAddresses)
        {
            addresses.Add(new WireNode("ip").Add("address", address).Add("version", address.Contains(':', StringComparison.Ordinal) ? "v6" : "v4"));
        }

        return new WireNode("reported_device")
            .Attr("href", $"{ApiPaths.Root}/vms/{vm.Id}/nics/{nic.Id}/reporteddevices/{nic.Id}")
            .Attr("id", nic.Id.ToString())
            .Add("name", "eth0")
            .Add("type", "network")
            .Add(new WireNode("mac").Add("address", nic.Mac))
            .Add(addresses)
            .AddReference("vm", vm.Id, "vms");
    }

    public static WireNode Attachment(EngineState state, Guid ownerId, DiskAttachment attachment, string owner)
    {
        var collection = owner == "vm" ? "vms" : "templates";
        var node = new WireNode("disk_attachment")
            .Attr("href", $"{ApiPaths.Root}/{collection}/{ownerId}/diskattachments/{attachment.DiskId}")
            .Attr("id", attachment.DiskId.ToString())
            .Add("active", attachment.Active)
            .Add("bootable", attachment.Bootable)
            .Add("interface", attachment.Interface)
            .Add("logical_name", LogicalName(state, ownerId, attachment))
            .Add("pass_discard", attachment.PassDiscard)
            .Add("read_only", attachment.ReadOnly)
            .Add("uses_scsi_reservation", attachment.UsesScsiReservation)
            .AddReference("disk", attachment.DiskId, "disks")
            .AddReference(owner, ownerId, collection);
        return node;
    }

    public static WireNode Snapshot(EngineState state, Vm vm, Snapshot snapshot, bool allContent)
    {
        var node = InventoryRender.Start("snapshot", $"vms/{vm.Id}/snapshots", snapshot)
            .AddDate("date", snapshot.Date)
            .Add("persist_memorystate", snapshot.PersistMemoryState)
            .Add("snapshot_status", snapshot.Status)
            .Add("snapshot_type", snapshot.Type);
        // The engine gives a snapshot no name.
        node.Remove("name");
        if (snapshot.IsActive)
        {
            node.AddReference("vm", vm.Id, "vms");
        }
        else if (snapshot.VmConfiguration is { } configuration)
        {
            node.Add(configuration);
        }

        if (allContent)
        {
            AddOvf(node, snapshot.Ovf ?? OvfWriter.Write(state, vm, null));
        }

        return node.Actions("restore").Links("disks", "nics", "cdroms");
    }

    private static void AddOvf(WireNode node, string ovf)
    {
        var initialization = new WireNode("initialization");
        foreach (var child in node.Child("initialization")?.Children ?? [])
        {
            initialization.Add(child);
        }

        node.Set(initialization.Set(new WireNode("configuration").Add("data", ovf).Add("type", "ovf")));
    }

    // A running guest with an agent names its devices in the order in which they are plugged.
    private static string? LogicalName(EngineState state, Guid vmId, DiskAttachment attachment)
    {
        if (!attachment.Active || !state.Vms.TryGetValue(vmId, out var vm) || vm.Status != VmStatus.Up)
        {
            return null;
        }

        var index = vm.Attachments.Where(a => a.Active).ToList().IndexOf(attachment);
        return index is >= 0 and < 26 ? $"/dev/sd{(char)('a' + index)}" : null;
    }
}
