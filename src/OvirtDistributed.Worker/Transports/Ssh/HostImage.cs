// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Nodes;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Worker.Execution;

namespace OvirtDistributed.Worker.Transports.Ssh;

/// <summary>A disk as a host sees it: its layers by their paths, in the form qemu-nbd takes.</summary>
/// <param name="TopPath">The layer that must be accessible.</param>
/// <param name="Description">The whole chain, for qemu-nbd. What lies below a layer is said here, never taken from the layer's own header, unless the order wants that.</param>
/// <param name="LogicalVolumes">Of the layers, as GROUP/VOLUME.</param>
/// <param name="VolumeGroupFolder">Where the host has its volume groups.</param>
internal sealed record HostImage(string TopPath, string Description, IReadOnlyList<string> LogicalVolumes, string VolumeGroupFolder)
{
    /// <summary>Where a host has its volume groups.</summary>
    public const string VolumeGroups = "/dev";

    /// <exception cref="TaskFailureException">The order names no chain that can be.</exception>
    public static HostImage Of(SshDisk disk, string volumeGroups = VolumeGroups)
    {
        if (disk.Chain.Count == 0)
        {
            throw Bad("chain is empty");
        }

        if (!disk.StorageRoot.StartsWith('/') || disk.StorageRoot.Any(char.IsControl))
        {
            throw Bad($"storage_root '{disk.StorageRoot}' is no absolute path");
        }

        JsonObject? below = null;
        foreach (var (position, volume) in disk.Chain.Index().Reverse())
        {
            var isLast = position == disk.Chain.Count - 1;
            below = NodeOf(volume, PathOf(disk, volume, volumeGroups), isLast, isLast && disk.BackingFromHeader, below);
        }

        return new HostImage(
            PathOf(disk, disk.Chain[0], volumeGroups),
            $"json:{below!.ToJsonString()}",
            [.. disk.Chain.Where(volume => volume.LogicalVolume).Select(LogicalVolumeOf)],
            volumeGroups);
    }

    private static JsonObject NodeOf(SshVolume volume, string path, bool isLast, bool backingFromHeader, JsonObject? below)
    {
        var file = new JsonObject { ["driver"] = volume.LogicalVolume ? "host_device" : "file", ["filename"] = path };
        switch (volume.Format)
        {
            case "raw" when isLast:
                return new JsonObject { ["driver"] = "raw", ["file"] = file };
            case "raw":
                throw Bad($"volume {volume.VolumeId} is raw and has another one below it");
            case "qcow2":
                var node = new JsonObject { ["driver"] = "qcow2", ["file"] = file };
                if (!backingFromHeader)
                {
                    node["backing"] = below;
                }

                return node;
            default:
                throw Bad($"format '{volume.Format}' of volume {volume.VolumeId} is neither raw nor qcow2");
        }
    }

    private static string PathOf(SshDisk disk, SshVolume volume, string volumeGroups) => volume.LogicalVolume
        ? $"{volumeGroups}/{LogicalVolumeOf(volume)}"
        : $"{disk.StorageRoot.TrimEnd('/')}/{Id(volume.DataCenterId, "data_center_id")}/{Id(volume.StorageDomainId, "storage_domain_id")}/images/{Id(volume.DiskId, "disk_id")}/{Id(volume.VolumeId, "volume_id")}";

    private static string LogicalVolumeOf(SshVolume volume) => $"{Id(volume.StorageDomainId, "storage_domain_id")}/{Id(volume.VolumeId, "volume_id")}";

    private static string Id(string text, string field) =>
        Guid.TryParseExact(text, "D", out var id) ? id.ToString("D") : throw Bad($"{field} '{text}' is no id");

    private static TaskFailureException Bad(string what) => new(FailureCode.BadOrder, $"The order's ssh_disk cannot be used: {what}.");
}
