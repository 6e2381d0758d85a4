// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using OvirtDistributed.Server.Jobs.Restore;

namespace OvirtDistributed.Server.Exports;

/// <summary>Turns a stored OVF into the one of a VM in an export domain: other ids, only the disks that are there, each of one volume; NICs are added after the import.</summary>
internal static class ExportOvf
{
    private const long GiB = 1L << 30;

    private static readonly XNamespace Ovf = "http://schemas.dmtf.org/ovf/envelope/1/";
    private static readonly XNamespace Rasd = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData";
    private static readonly XNamespace Xsi = "http://www.w3.org/2001/XMLSchema-instance";

    /// <summary>Why a stored OVF cannot be used; null when it can.</summary>
    public static string? ExplainUnusable(string ovf)
    {
        if (ovf.Length == 0)
        {
            return "it holds no OVF";
        }

        try
        {
            var document = XDocument.Parse(OvfConfiguration.WithoutDisksAndNics(ovf));
            return Content(document) is not null && Section(document.Root!, "VirtualHardwareSection") is not null
                ? null
                : "its OVF has no description of a VM's hardware";
        }
        catch (XmlException failure)
        {
            return $"its OVF is not XML ({failure.Message})";
        }
    }

    /// <summary>Only of an OVF that <see cref="ExplainUnusable"/> has no objection to.</summary>
    public static string Rewrite(string ovf, ExportedVm vm, IReadOnlyList<ExportedDisk> disks)
    {
        var document = XDocument.Parse(OvfConfiguration.WithoutDisksAndNics(ovf));
        var root = document.Root!;
        var content = Content(document)!;
        Set(content, "Name", vm.Name);
        Set(content, "Description", $"{content.Elements().FirstOrDefault(element => element.Name.LocalName == "Description")?.Value} {vm.Marker}".TrimStart());
        Set(content, "TemplateId", $"{Guid.Empty:D}");
        Set(content, "TemplateName", "Blank");
        if (Section(content, "OperatingSystemSection") is { } system)
        {
            system.SetAttributeValue(Ovf + "id", $"{vm.Id:D}");
        }

        Child(root, "References").Add(disks.Select(File));
        DiskSection(root).Add(disks.Select(Disk));
        Section(content, "VirtualHardwareSection")!.Add(disks.Select(Item));
        return $"{document.Declaration ?? new XDeclaration("1.0", "utf-8", null)}{document.ToString(SaveOptions.DisableFormatting)}";
    }

    private static XElement File(ExportedDisk disk) => new(
        "File",
        new XAttribute(Ovf + "href", Reference(disk)),
        new XAttribute(Ovf + "id", $"{disk.VolumeId:D}"),
        new XAttribute(Ovf + "size", disk.SizeBytes.ToString(CultureInfo.InvariantCulture)),
        new XAttribute(Ovf + "description", disk.Plan.Description),
        new XAttribute(Ovf + "disk_storage_type", "IMAGE"));

    private static XElement Disk(ExportedDisk disk)
    {
        var gigabytes = ((disk.SizeBytes + GiB - 1) / GiB).ToString(CultureInfo.InvariantCulture);
        var raw = disk.Plan.Format == "raw";
        return new XElement(
            "Disk",
            new XAttribute(Ovf + "diskId", $"{disk.VolumeId:D}"),
            new XAttribute(Ovf + "size", gigabytes),
            new XAttribute(Ovf + "actual_size", gigabytes),

            // Any but the empty one: the manager gives its own.
            new XAttribute(Ovf + "vm_snapshot_id", $"{disk.DiskId:D}"),
            new XAttribute(Ovf + "parentRef", ""),
            new XAttribute(Ovf + "fileRef", Reference(disk)),
            new XAttribute(Ovf + "format", raw ? "http://www.vmware.com/specifications/vmdk.html#sparse" : "http://www.gnome.org/~markmc/qcow-image-format.html"),
            new XAttribute(Ovf + "volume-format", raw ? "RAW" : "COW"),
            new XAttribute(Ovf + "volume-type", disk.Plan.Sparse ? "Sparse" : "Preallocated"),
            new XAttribute(Ovf + "disk-interface", InterfaceOf(disk.Plan.Interface)),
            new XAttribute(Ovf + "read-only", "false"),
            new XAttribute(Ovf + "shareable", "false"),
            new XAttribute(Ovf + "boot", Flag(disk.Plan.Bootable)),
            new XAttribute(Ovf + "pass-discard", "false"),
            new XAttribute(Ovf + "incremental-backup", Flag(disk.Plan.IncrementalEnabled)),
            new XAttribute(Ovf + "disk-alias", disk.Alias),
            new XAttribute(Ovf + "disk-description", disk.Plan.Description),
            new XAttribute(Ovf + "wipe-after-delete", Flag(disk.Plan.WipeAfterDelete)));
    }

    private static XElement Item(ExportedDisk disk) => new(
        "Item",
        new XElement(Rasd + "Caption", disk.Alias),
        new XElement(Rasd + "InstanceId", $"{disk.VolumeId:D}"),
        new XElement(Rasd + "ResourceType", "17"),
        new XElement(Rasd + "HostResource", Reference(disk)),
        new XElement(Rasd + "Parent", $"{Guid.Empty:D}"),
        new XElement(Rasd + "Template", $"{Guid.Empty:D}"),
        new XElement("Type", "disk"),
        new XElement("Device", "disk"),
        new XElement("IsPlugged", Flag(disk.Plan.Active)),
        new XElement("IsReadOnly", "false"));

    private static string Reference(ExportedDisk disk) => $"{disk.DiskId:D}/{disk.VolumeId:D}";

    private static string Flag(bool value) => value ? "true" : "false";

    private static string InterfaceOf(string word) => word switch
    {
        "virtio" => "VirtIO",
        "ide" => "IDE",
        "sata" => "SATA",
        "spapr_vscsi" => "SPAPR_VSCSI",
        _ => "VirtIO_SCSI",
    };

    private static XElement? Content(XDocument document) => document.Root?.Elements().FirstOrDefault(element => element.Name.LocalName is "Content");

    private static XElement? Section(XElement parent, string name) => parent.Descendants().FirstOrDefault(element =>
        element.Name.LocalName == "Section" && element.Attribute(Xsi + "type")?.Value.Contains(name, StringComparison.Ordinal) == true);

    private static XElement DiskSection(XElement root)
    {
        if (Section(root, "DiskSection") is { } found)
        {
            return found;
        }

        var section = new XElement("Section", new XAttribute(Xsi + "type", "ovf:DiskSection_Type"), new XElement("Info", "List of Virtual Disks"));
        Child(root, "References").AddAfterSelf(section);
        return section;
    }

    private static XElement Child(XElement parent, string name)
    {
        if (parent.Elements().FirstOrDefault(element => element.Name.LocalName == name) is { } found)
        {
            return found;
        }

        var child = new XElement(name);
        parent.AddFirst(child);
        return child;
    }

    private static void Set(XElement content, string name, string value)
    {
        if (content.Elements().FirstOrDefault(element => element.Name.LocalName == name) is { } found)
        {
            found.Value = value;
        }
        else
        {
            content.AddFirst(new XElement(name, value));
        }
    }
}
