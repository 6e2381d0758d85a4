// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Xml;
using OvirtDistributed.Simulator.Engine.Entities;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>The VM's configuration in oVirt's flavour of OVF: the form <c>all_content</c> gives and a VM can be made from.</summary>
internal static class OvfWriter
{
    private const string Ovf = "http://schemas.dmtf.org/ovf/envelope/1/";
    private const string Rasd = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
    private const string Vssd = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData";
    private const string Xsi = "http://www.w3.org/2001/XMLSchema-instance";
    private const long GiB = 1L << 30;

    /// <summary>Writes the OVF; with a snapshot, its volumes and attachments in place of the present ones.</summary>
    public static string Write(EngineState state, Vm vm, Snapshot? snapshot)
    {
        var attachments = (snapshot?.Attachments ?? vm.Attachments)
            .Where(a => a.SnapshotId is null && state.Disks.ContainsKey(a.DiskId)).ToList();
        var disks = attachments.Select(a => (Attachment: a, Disk: state.Disks[a.DiskId], Volume: VolumeOf(state.Disks[a.DiskId], snapshot))).ToList();
        var text = new Utf8Text();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { Encoding = new UTF8Encoding(false) }))
        {
            writer.WriteStartDocument();
            writer.WriteStartElement("ovf", "Envelope", Ovf);
            writer.WriteAttributeString("xmlns", "rasd", null, Rasd);
            writer.WriteAttributeString("xmlns", "vssd", null, Vssd);
            writer.WriteAttributeString("xmlns", "xsi", null, Xsi);
            writer.WriteAttributeString("version", Ovf, "4.5.0.0");
            References(writer, vm, disks);
            Networks(writer, state, vm);
            DiskSection(writer, vm, disks);
            Content(writer, state, vm, disks);
            writer.WriteEndElement();
        }

        return text.ToString();
    }

    private static Volume VolumeOf(Disk disk, Snapshot? snapshot) =>
        snapshot is not null && snapshot.Volumes.TryGetValue(disk.Id, out var image)
            ? disk.Volumes.Find(v => v.ImageId == image) ?? disk.Active
            : disk.Active;

    private static void References(XmlWriter writer, Vm vm, List<(DiskAttachment Attachment, Disk Disk, Volume Volume)> disks)
    {
        writer.WriteStartElement("References");
        foreach (var (_, disk, volume) in disks)
        {
            writer.WriteStartElement("File");
            Attribute(writer, "href", $"{disk.Id}/{volume.ImageId}");
            Attribute(writer, "id", volume.ImageId.ToString());
            Attribute(writer, "size", Number(disk.ProvisionedSize));
            Attribute(writer, "description", disk.Description ?? string.Empty);
            Attribute(writer, "disk_storage_type", "IMAGE");
            writer.WriteEndElement();
        }

        foreach (var nic in vm.Nics)
        {
            writer.WriteStartElement("Nic");
            Attribute(writer, "id", nic.Id.ToString());
            writer.WriteEndElement();
        }

        writer.WriteEndElement();
    }

    private static void Networks(XmlWriter writer, EngineState state, Vm vm)
    {
        writer.WriteStartElement("NetworkSection");
        writer.WriteElementString("Info", "List of networks");
        foreach (var name in vm.Nics.Select(n => NetworkName(state, n)).OfType<string>().Distinct(StringComparer.Ordinal))
        {
            writer.WriteStartElement("Network");
            Attribute(writer, "name", name);
            writer.WriteEndElement();
        }

        writer.WriteEndElement();
    }

    private static void DiskSection(XmlWriter writer, Vm vm, List<(DiskAttachment Attachment, Disk Disk, Volume Volume)> disks)
    {
        StartSection(writer, "DiskSection_Type", "List of Virtual Disks");
        foreach (var (attachment, disk, volume) in disks)
        {
            writer.WriteStartElement("Disk");
            Attribute(writer, "diskId", volume.ImageId.ToString());
            Attribute(writer, "size", Number((disk.ProvisionedSize + GiB - 1) / GiB));
            Attribute(writer, "actual_size", Number((volume.ActualSize + GiB - 1) / GiB));
            Attribute(writer, "vm_snapshot_id", SnapshotIdOf(vm, disk, volume).ToString());
            Attribute(writer, "parentRef", volume.ParentId is { } parent ? $"{disk.Id}/{parent}" : string.Empty);
            Attribute(writer, "fileRef", $"{disk.Id}/{volume.ImageId}");
            Attribute(writer, "format", volume.Format == "cow"
                ? "http://www.gnome.org/~markmc/qcow-image-format.html"
                : "http://www.vmware.com/specifications/vmdk.html#sparse");
            Attribute(writer, "volume-format", volume.Format == "cow" ? "COW" : "RAW");
            Attribute(writer, "volume-type", volume.Sparse ? "Sparse" : "Preallocated");
            Attribute(writer, "disk-interface", InterfaceName(attachment.Interface));
            Attribute(writer, "read-only", Flag(attachment.ReadOnly));
            Attribute(writer, "shareable", Flag(disk.Shareable));
            Attribute(writer, "boot", Flag(attachment.Bootable));
            Attribute(writer, "pass-discard", Flag(attachment.PassDiscard));
            Attribute(writer, "incremental-backup", Flag(disk.Backup == "incremental"));
            Attribute(writer, "disk-alias", disk.Name);
            Attribute(writer, "disk-description", disk.Description ?? string.Empty);
            Attribute(writer, "wipe-after-delete", Flag(disk.WipeAfterDelete));
            writer.WriteEndElement();
        }

        writer.WriteEndElement();
    }

    private static void Content(
        XmlWriter writer, EngineState state, Vm vm, List<(DiskAttachment Attachment, Disk Disk, Volume Volume)> disks)
    {
        writer.WriteStartElement("Content");
        Attribute(writer, "id", "out");
        writer.WriteAttributeString("type", Xsi, "ovf:VirtualSystem_Type");
        writer.WriteElementString("Name", vm.Name);
        writer.WriteElementString("Description", vm.Description ?? string.Empty);
        writer.WriteElementString("Comment", vm.Comment ?? string.Empty);
        writer.WriteElementString("CreationDate", vm.CreationTime.UtcDateTime.ToString("yyyy/MM/dd HH:mm:ss", CultureInfo.InvariantCulture));
        writer.WriteElementString("ClusterName", state.Clusters[vm.ClusterId].Name);
        writer.WriteElementString("ClusterCompatibilityVersion", state.Clusters[vm.ClusterId].Version.ToString(2));
        writer.WriteElementString("DeleteProtected", Flag(vm.DeleteProtected));
        writer.WriteElementString("AutoStartup", vm.Stored.GetValueOrDefault("high_availability")?.Value("enabled") ?? "false");
        writer.WriteElementString("Priority", vm.Stored.GetValueOrDefault("high_availability")?.Value("priority") ?? "0");
        writer.WriteElementString("IsBootMenuEnabled", vm.Stored.GetValueOrDefault("bios")?.Value("boot_menu/enabled") ?? "false");
        writer.WriteElementString("BiosType", vm.Stored.GetValueOrDefault("bios")?.Value("type") ?? "q35_sea_bios");
        writer.WriteElementString("VmType", vm.Stored.GetValueOrDefault("type")?.Text == "desktop" ? "0" : "1");
        StartSection(writer, "OperatingSystemSection_Type", "Guest Operating System", vm.Id);
        writer.WriteElementString("Description", vm.Stored.GetValueOrDefault("os")?.Value("type") ?? "other");
        writer.WriteEndElement();
        StartSection(writer, "VirtualHardwareSection_Type", "Virtual Hardware");
        Hardware(writer, vm);
        foreach (var (attachment, disk, volume) in disks)
        {
            DiskItem(writer, state, vm, attachment, disk, volume);
        }

        foreach (var nic in vm.Nics)
        {
            NicItem(writer, state, nic);
        }

        writer.WriteEndElement();
        writer.WriteEndElement();
    }

    private static void Hardware(XmlWriter writer, Vm vm)
    {
        var topology = vm.Stored.GetValueOrDefault("cpu")?.Child("topology");
        writer.WriteStartElement("Item");
        Item(writer, "InstanceId", "1");
        Item(writer, "ResourceType", "3");
        Item(writer, "num_of_sockets", topology?.Value("sockets") ?? "1");
        Item(writer, "cpu_per_socket", topology?.Value("cores") ?? "1");
        Item(writer, "threads_per_cpu", topology?.Value("threads") ?? "1");
        writer.WriteEndElement();
        writer.WriteStartElement("Item");
        Item(writer, "InstanceId", "2");
        Item(writer, "ResourceType", "4");
        Item(writer, "AllocationUnits", "MegaBytes");
        Item(writer, "VirtualQuantity", Number(vm.Memory >> 20));
        writer.WriteEndElement();
    }

    private static void DiskItem(XmlWriter writer, EngineState state, Vm vm, DiskAttachment attachment, Disk disk, Volume volume)
    {
        writer.WriteStartElement("Item");
        Item(writer, "Caption", disk.Name);
        Item(writer, "InstanceId", volume.ImageId.ToString());
        Item(writer, "ResourceType", "17");
        Item(writer, "HostResource", $"{disk.Id}/{volume.ImageId}");
        Item(writer, "Parent", (volume.ParentId ?? Guid.Empty).ToString());
        Item(writer, "Template", Guid.Empty.ToString());
        Item(writer, "StorageId", disk.StorageDomainId.ToString());
        Item(writer, "StoragePoolId", (state.DataCenterOf(vm)?.Id ?? Guid.Empty).ToString());
        writer.WriteElementString("Type", "disk");
        writer.WriteElementString("Device", "disk");
        writer.WriteElementString("IsPlugged", Flag(attachment.Active));
        writer.WriteElementString("IsReadOnly", Flag(attachment.ReadOnly));
        writer.WriteEndElement();
    }

    private static void NicItem(XmlWriter writer, EngineState state, Nic nic)
    {
        writer.WriteStartElement("Item");
        Item(writer, "Caption", $"Ethernet adapter on {NetworkName(state, nic) ?? "[No Network]"}");
        Item(writer, "InstanceId", nic.Id.ToString());
        Item(writer, "ResourceType", "10");
        Item(writer, "OtherResourceType", ProfileName(state, nic) ?? string.Empty);
        Item(writer, "ResourceSubType", nic.Interface == "virtio" ? "3" : "2");
        Item(writer, "Connection", NetworkName(state, nic) ?? string.Empty);
        Item(writer, "Linked", Flag(nic.Linked));
        Item(writer, "Name", nic.Name);
        Item(writer, "ElementName", nic.Name);
        Item(writer, "MACAddress", nic.Mac);
        writer.WriteElementString("Type", "interface");
        writer.WriteElementString("Device", "bridge");
        writer.WriteElementString("IsPlugged", Flag(nic.Plugged));
        writer.WriteEndElement();
    }

    private static string? ProfileName(EngineState state, Nic nic) =>
        nic.VnicProfileId is { } id ? state.VnicProfiles.GetValueOrDefault(id)?.Name : null;

    private static string? NetworkName(EngineState state, Nic nic) =>
        nic.VnicProfileId is { } id && state.VnicProfiles.TryGetValue(id, out var profile)
            ? state.Networks.GetValueOrDefault(profile.NetworkId)?.Name
            : null;

    private static Guid SnapshotIdOf(Vm vm, Disk disk, Volume volume) =>
        (vm.Snapshots.Find(s => s.Volumes.GetValueOrDefault(disk.Id) == volume.ImageId)
            ?? vm.Snapshots.Find(s => s.IsActive))?.Id ?? Guid.Empty;

    private static void StartSection(XmlWriter writer, string type, string info, Guid? id = null)
    {
        writer.WriteStartElement("Section");
        if (id is { } value)
        {
            Attribute(writer, "id", value.ToString());
            Attribute(writer, "required", "false");
        }

        writer.WriteAttributeString("type", Xsi, $"ovf:{type}");
        writer.WriteElementString("Info", info);
    }

    private static void Attribute(XmlWriter writer, string name, string value) => writer.WriteAttributeString("ovf", name, Ovf, value);

    private static void Item(XmlWriter writer, string name, string value) => writer.WriteElementString("rasd", name, Rasd, value);

    private static string Flag(bool value) => value ? "true" : "false";

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string InterfaceName(string name) => name switch
    {
        "virtio" => "VirtIO",
        "virtio_scsi" => "VirtIO_SCSI",
        "ide" => "IDE",
        "sata" => "SATA",
        _ => name,
    };

    /// <summary>A string writer whose declaration says UTF-8.</summary>
    private sealed class Utf8Text : StringWriter
    {
        public override Encoding Encoding { get; } = new UTF8Encoding(false);
    }
}
