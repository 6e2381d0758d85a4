// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Render;

/// <summary>Documents of disks and their layers.</summary>
internal static class DiskRender
{
    public static WireNode Disk(EngineState state, Disk disk, string? backupMode = null)
    {
        var node = InventoryRender.Start("disk", "disks", disk);
        Common(node, disk, disk.Active)
            .Add("backup", disk.Backup)
            .Add("backup_mode", backupMode ?? ModeInBackup(state, disk))
            .Add("status", disk.Status)
            .Add("total_size", disk.ActualSize)
            .Add("initial_size", disk.InitialSize)
            .Add("qcow_version", disk.IsCow ? "qcow2_v3" : null)
            .Add(new WireNode("vms", WireKind.List).AddAll(state.AttachmentsOf(disk.Id).Select(a =>
                new WireNode("vm").Attr("href", $"{ApiPaths.Root}/vms/{a.Vm.Id}").Attr("id", a.Vm.Id.ToString()))));
        return node.Actions("copy", "move", "convert", "reduce", "sparsify")
            .Links("disksnapshots", "permissions", "statistics");
    }

    /// <summary>A disk as it was in a snapshot: <c>image_id</c> is the volume of that layer.</summary>
    public static WireNode SnapshotDisk(Snapshot snapshot, Disk disk, Volume volume)
    {
        var node = InventoryRender.Start("disk", $"vms/{snapshot.VmId}/snapshots/{snapshot.Id}/disks", disk);
        return Common(node, disk, volume)
            .Add("backup", disk.Backup)
            .Add("status", disk.Status)
            .Add(new WireNode("snapshot").Attr("href", $"{ApiPaths.Root}/vms/{snapshot.VmId}/snapshots/{snapshot.Id}")
                .Attr("id", snapshot.Id.ToString()));
    }

    /// <summary>One layer of a disk; its id is the volume's.</summary>
    public static WireNode DiskSnapshot(EngineState state, Disk disk, Volume volume, string path)
    {
        var snapshot = state.Vms.Values.SelectMany(v => v.Snapshots).FirstOrDefault(s => s.Volumes.GetValueOrDefault(disk.Id) == volume.ImageId);
        var active = ReferenceEquals(volume, disk.Active);
        var node = new WireNode("disk_snapshot")
            .Attr("href", $"{ApiPaths.Root}/{path}/{volume.ImageId}")
            .Attr("id", volume.ImageId.ToString())
            .Add("name", disk.Name)
            .Add("alias", disk.Name)
            .Add("description", active ? "Active VM" : snapshot?.Description)
            .Add("actual_size", volume.ActualSize)
            .Add("content_type", disk.ContentType)
            .Add("format", volume.Format)
            .Add("image_id", volume.ImageId)
            .Add("provisioned_size", disk.ProvisionedSize)
            .Add("sparse", volume.Sparse)
            .Add("status", disk.Status == DiskStatus.Illegal ? DiskStatus.Illegal : volume.Status)
            .Add("storage_type", disk.StorageType)
            .AddReference("disk", volume.TemplateDisk ?? disk.Id, "disks");
        if (snapshot is not null)
        {
            node.Add(new WireNode("snapshot").Attr("href", $"{ApiPaths.Root}/vms/{snapshot.VmId}/snapshots/{snapshot.Id}")
                .Attr("id", snapshot.Id.ToString()));
        }

        if (volume.ParentId is { } parent)
        {
            node.Add(new WireNode("parent").Attr("href", $"{ApiPaths.Root}/{path}/{parent}").Attr("id", parent.ToString()));
        }

        return node.Add(Domains(disk));
    }

    private static WireNode Common(WireNode node, Disk disk, Volume volume) =>
        node.Add("alias", disk.Name)
            .Add("actual_size", volume.ActualSize)
            .Add("content_type", disk.ContentType)
            .Add("format", volume.Format)
            .Add("image_id", volume.ImageId)
            .Add("propagate_errors", disk.PropagateErrors)
            .Add("provisioned_size", disk.ProvisionedSize)
            .Add("read_only", false)
            .Add("shareable", disk.Shareable)
            .Add("sparse", volume.Sparse)
            .Add("storage_type", disk.StorageType)
            .Add("wipe_after_delete", disk.WipeAfterDelete)
            .AddReference("disk_profile", disk.DiskProfileId, "diskprofiles")
            .Add(Domains(disk));

    private static WireNode Domains(Disk disk) =>
        new WireNode("storage_domains", WireKind.List).AddReference("storage_domain", disk.StorageDomainId, "storagedomains");

    // backup_mode is a property of a disk only while a backup has it, from cluster level 4.5 on.
    private static string? ModeInBackup(EngineState state, Disk disk)
    {
        foreach (var (vm, _) in state.AttachmentsOf(disk.Id))
        {
            if (state.OpenBackupOf(vm) is { } backup && backup.Disks.TryGetValue(disk.Id, out var mode)
                && state.Clusters[vm.ClusterId].Version >= ClusterLevel.MixedBackup)
            {
                return mode;
            }
        }

        return null;
    }
}
