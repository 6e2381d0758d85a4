// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>How disk bytes leave the manager's hosts, by the names operators use.</summary>
internal static class TransportModes
{
    /// <summary>The best that works for the VM.</summary>
    public const string Auto = "auto";

    /// <summary>The manager's backup API with changed block tracking.</summary>
    public const string Cbt = "cbt";

    /// <summary>A snapshot of ours, whose layers are downloaded.</summary>
    public const string ImageTransfer = "image-transfer";

    /// <summary>A snapshot of ours, whose disks are attached to the worker's own VM.</summary>
    public const string DiskAttachment = "disk-attachment";

    /// <summary>A snapshot of ours, whose layers a host reads for the worker.</summary>
    public const string Ssh = "ssh";

    /// <summary>A snapshot of ours, of which a VM is cloned that the manager copies to an export domain.</summary>
    public const string ExportDomain = "export-domain";

    public static IReadOnlyList<string> All { get; } = [Cbt, ImageTransfer, DiskAttachment, Ssh, ExportDomain];

    /// <summary>True for modes in which a snapshot of ours holds the point in time.</summary>
    public static bool UsesSnapshot(string mode) => mode is ImageTransfer or DiskAttachment or Ssh or ExportDomain;

    /// <summary>True for modes in which a kept snapshot tells what changed; in the others every backup reads everything.</summary>
    public static bool KeepsSnapshot(string mode) => mode is ImageTransfer or Ssh;
}
