// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Xml;
using System.Xml.Linq;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>A disk named by an OVF.</summary>
internal sealed record OvfDisk(Guid DiskId, string Interface, bool Bootable, bool ReadOnly, bool Plugged)
{
    /// <summary>The volume, where oVirt's flavour names it.</summary>
    public Guid? ImageId { get; init; }

    public string Alias { get; init; } = string.Empty;

    public string? Description { get; init; }

    /// <summary>raw or cow.</summary>
    public string Format { get; init; } = "cow";

    public bool Sparse { get; init; } = true;

    public bool Incremental { get; init; }

    /// <summary>Without it an engine takes the disk for damaged.</summary>
    public Guid SnapshotId { get; init; }
}

/// <summary>A NIC named by an OVF.</summary>
internal sealed record OvfNic(string Name, string? Mac, string Interface, string? Network, string? Profile, bool Linked, bool Plugged);

/// <summary>What a VM is made from.</summary>
internal sealed record OvfVm
{
    public Guid? Id { get; init; }

    public string? Name { get; init; }

    public string? Description { get; init; }

    public string? Comment { get; init; }

    public string? OsType { get; init; }

    public long? Memory { get; init; }

    public (string Sockets, string Cores, string Threads)? Topology { get; init; }

    public string? BiosType { get; init; }

    public bool DeleteProtected { get; init; }

    public bool AutoStartup { get; init; }

    public string? Priority { get; init; }

    public bool BootMenu { get; init; }

    public required IReadOnlyList<OvfDisk> Disks { get; init; }

    public required IReadOnlyList<OvfNic> Nics { get; init; }
}

/// <summary>Reads oVirt's flavour of OVF. Names are matched without their namespace: the OVA flavour's differs by a slash.</summary>
internal static class OvfReader
{
    /// <exception cref="FormatException">The text is no OVF.</exception>
    public static OvfVm Read(string text)
    {
        try
        {
            var settings = new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null };
            using var reader = XmlReader.Create(new StringReader(text.Trim()), settings);
            var root = XElement.Load(reader);
            var content = root.Elements().FirstOrDefault(e => e.Name.LocalName is "Content" or "VirtualSystem")
                ?? throw new FormatException("The OVF has no Content element.");
            return Read(root, content);
        }
        catch (XmlException e)
        {
            throw new FormatException($"The OVF is not well-formed: {e.Message}", e);
        }
    }

    private static OvfVm Read(XElement root, XElement content)
    {
        var items = content.Descendants().Where(e => e.Name.LocalName == "Item").ToList();
        var plugged = items.Where(i => Text(i, "ResourceType") == "17")
            .ToLookup(i => DiskIdOf(Text(i, "HostResource")), i => Text(i, "IsPlugged") != "false");
        var system = content.Descendants().FirstOrDefault(
            e => e.Attributes().Any(a => a.Name.LocalName == "type" && a.Value.EndsWith("OperatingSystemSection_Type", StringComparison.Ordinal)));
        var cpu = items.Find(i => Text(i, "ResourceType") == "3");
        var memory = items.Find(i => Text(i, "ResourceType") == "4");
        return new OvfVm
        {
            Id = Guid.TryParse(system is null ? null : Attribute(system, "id"), out var id) ? id : null,
            Name = Text(content, "Name"),
            Description = Text(content, "Description"),
            Comment = Text(content, "Comment"),
            OsType = system is null ? null : Text(system, "Description"),
            BiosType = Text(content, "BiosType"),
            DeleteProtected = Text(content, "DeleteProtected") == "true",
            AutoStartup = Text(content, "AutoStartup") == "true",
            Priority = Text(content, "Priority"),
            BootMenu = Text(content, "IsBootMenuEnabled") == "true",
            Memory = memory is not null && long.TryParse(Text(memory, "VirtualQuantity"), NumberStyles.None, CultureInfo.InvariantCulture, out var mib)
                ? mib << 20
                : null,
            Topology = cpu is null
                ? null
                : (Text(cpu, "num_of_sockets") ?? "1", Text(cpu, "cpu_per_socket") ?? "1", Text(cpu, "threads_per_cpu") ?? "1"),
            Disks = [.. Disks(root, plugged)],
            Nics = [.. items.Where(i => Text(i, "ResourceType") == "10").Select(Nic)],
        };
    }

    private static IEnumerable<OvfDisk> Disks(XElement root, ILookup<Guid?, bool> plugged)
    {
        // Snapshots are collapsed: one entry per disk, whatever layers the OVF lists.
        var seen = new HashSet<Guid>();
        foreach (var disk in root.Descendants().Where(e => e.Name.LocalName == "Disk" && Attribute(e, "fileRef") is not null))
        {
            // oVirt's flavour has "DISK/IMAGE" there; the OVA flavour has a file name, and the disk's id in diskId.
            if ((DiskIdOf(Attribute(disk, "fileRef")) ?? DiskIdOf(Attribute(disk, "diskId"))) is { } id && seen.Add(id))
            {
                yield return new OvfDisk(
                    id,
                    Interface(Attribute(disk, "disk-interface")),
                    Attribute(disk, "boot") == "true",
                    Attribute(disk, "read-only") == "true",
                    !plugged.Contains(id) || plugged[id].First())
                {
                    ImageId = Guid.TryParse(Attribute(disk, "fileRef")?.Split('/').ElementAtOrDefault(1), out var image) ? image : null,
                    Alias = Attribute(disk, "disk-alias") ?? string.Empty,
                    Description = Attribute(disk, "disk-description"),
                    Format = Attribute(disk, "volume-format") == "RAW" ? "raw" : "cow",
                    Sparse = Attribute(disk, "volume-type") != "Preallocated",
                    Incremental = Attribute(disk, "incremental-backup") == "true",
                    SnapshotId = Guid.TryParse(Attribute(disk, "vm_snapshot_id"), out var snapshot) ? snapshot : Guid.Empty,
                };
            }
        }
    }

    private static OvfNic Nic(XElement item) => new(
        Text(item, "Name") ?? Text(item, "ElementName") ?? "nic1",
        Text(item, "MACAddress"),
        Text(item, "ResourceSubType") is "2" ? "e1000" : "virtio",
        Text(item, "Connection"),
        Text(item, "OtherResourceType"),
        Text(item, "Linked") != "false",
        Text(item, "IsPlugged") != "false");

    private static Guid? DiskIdOf(string? reference) =>
        Guid.TryParse(reference?.Split('/')[0], out var id) ? id : null;

    private static string Interface(string? name) => name switch
    {
        "VirtIO" => "virtio",
        "IDE" => "ide",
        "SATA" => "sata",
        _ => "virtio_scsi",
    };

    private static string? Text(XElement parent, string name)
    {
        var text = parent.Elements().FirstOrDefault(e => e.Name.LocalName == name)?.Value;
        return string.IsNullOrEmpty(text) ? null : text;
    }

    private static string? Attribute(XElement element, string name) =>
        element.Attributes().FirstOrDefault(a => a.Name.LocalName == name)?.Value;
}
