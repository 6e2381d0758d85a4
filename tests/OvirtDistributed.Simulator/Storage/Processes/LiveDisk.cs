// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Storage.Nbd;

namespace OvirtDistributed.Simulator.Storage.Processes;

/// <summary>A disk inside a storage process: node names of its layers, base first, and the guest's export.</summary>
internal sealed class LiveDisk(Guid diskId, string exportName)
{
    public Guid DiskId { get; } = diskId;

    public string ExportName { get; } = exportName;

    public List<string> Nodes { get; } = [];

    /// <summary>The guest's connection, made when first needed.</summary>
    public NbdClient? Guest { get; set; }

    public string Active => Nodes[^1];

    public static string FileNode(string node) => "f" + node;
}
