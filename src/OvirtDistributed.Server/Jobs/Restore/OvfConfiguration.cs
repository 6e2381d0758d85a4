// SPDX-License-Identifier: Apache-2.0

using System.Xml;
using System.Xml.Linq;

namespace OvirtDistributed.Server.Jobs.Restore;

/// <summary>
/// Reduces an OVF to the VM's configuration. Disks and NICs are joined by separate calls, because the engine attaches disks of an OVF only by
/// their old ids, does not fail when it cannot, and has no rule for MAC addresses that are in use.
/// </summary>
internal static class OvfConfiguration
{
    private const string DiskResource = "17";
    private const string NetworkResource = "10";

    /// <exception cref="XmlException">The text is not XML.</exception>
    public static string WithoutDisksAndNics(string ovf)
    {
        using var text = new StringReader(ovf);
        using var reader = XmlReader.Create(text, new XmlReaderSettings { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null });
        var document = XDocument.Load(reader);
        document.Descendants().Where(IsLeftOut).ToList().ForEach(element => element.Remove());

        // A protected VM could not be taken back; the restore protects it when all is done.
        document.Descendants().Where(element => element.Name.LocalName == "DeleteProtected").ToList().ForEach(element => element.Value = "false");
        return document.Declaration + document.ToString(SaveOptions.DisableFormatting);
    }

    private static bool IsLeftOut(XElement element) => element.Name.LocalName switch
    {
        "File" or "Nic" => element.Parent?.Name.LocalName == "References",
        "Disk" => element.Parent is { } section && IsSection(section, "DiskSection"),
        "Item" => element.Elements().Any(child => child.Name.LocalName == "ResourceType" && (child.Value.Trim() is DiskResource or NetworkResource)),
        "Section" => IsSection(element, "SnapshotsSection"),
        "SnapshotsSection" => true,
        _ => false,
    };

    /// <summary>oVirt writes sections as elements with a type attribute, OVAs as elements of that name.</summary>
    private static bool IsSection(XElement element, string name) =>
        element.Name.LocalName == name
        || element.Attributes().Any(attribute => attribute.Name.LocalName == "type" && attribute.Value.Contains(name, StringComparison.Ordinal));
}
