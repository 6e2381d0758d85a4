// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Render;

/// <summary>Documents of backups, checkpoints, transfers, jobs and events.</summary>
internal static class ActivityRender
{
    public static WireNode Backup(Backup backup)
    {
        var node = InventoryRender.Start("backup", $"vms/{backup.VmId}/backups", backup)
            .AddDate("creation_date", backup.CreationDate)
            .Add("from_checkpoint_id", backup.FromCheckpointId)
            .AddDate("modification_date", backup.ModificationDate)
            .Add("phase", backup.Phase)
            .Add("to_checkpoint_id", backup.ToCheckpointId)
            .AddReference("host", backup.HostId, "hosts")
            .AddReference("vm", backup.VmId, "vms")
            .AddReference("snapshot", backup.SnapshotId, $"vms/{backup.VmId}/snapshots");
        node.Remove("name");
        return node.Actions("finalize").Links("disks");
    }

    public static WireNode Checkpoint(Checkpoint checkpoint)
    {
        var node = InventoryRender.Start("checkpoint", $"vms/{checkpoint.VmId}/checkpoints", checkpoint)
            .AddDate("creation_date", checkpoint.CreationDate)
            .Add("parent_id", checkpoint.ParentId)
            .Add("state", checkpoint.State)
            .AddReference("vm", checkpoint.VmId, "vms");
        node.Remove("name");
        return node.Links("disks");
    }

    /// <summary>The reply names the disk as <c>image</c> only; disk, snapshot and backup are not echoed.</summary>
    public static WireNode Transfer(ImageTransfer transfer)
    {
        var node = InventoryRender.Start("image_transfer", "imagetransfers", transfer)
            .Add("active", transfer.Active)
            .Add("direction", transfer.Upload ? "upload" : "download")
            .Add("format", transfer.Format)
            .Add("inactivity_timeout", (long)transfer.InactivityTimeout.TotalSeconds)
            .Add("phase", transfer.Phase)
            .Add("proxy_url", transfer.ProxyUrl)
            .Add("shallow", transfer.Shallow)
            .Add("timeout_policy", transfer.TimeoutPolicy)
            .Add("transfer_url", transfer.TransferUrl)
            .Add("transferred", transfer.Transferred)
            .AddReference("host", transfer.HostId, "hosts")
            .Add(new WireNode("image").Attr("id", transfer.DiskId.ToString()));
        node.Remove("name");
        return node.Actions("cancel", "extend", "finalize", "pause", "resume");
    }

    public static WireNode Job(EngineJob job)
    {
        var href = $"{ApiPaths.Root}/jobs/{job.Id}";
        var node = new WireNode("job")
            .Attr("href", href)
            .Attr("id", job.Id.ToString())
            .Add("description", job.Description)
            .Add("auto_cleared", true)
            .Add("external", false)
            .Add("correlation_id", job.CorrelationId)
            .AddDate("start_time", job.StartTime)
            .AddDate("last_updated", job.EndTime ?? job.StartTime)
            .AddDate("end_time", job.EndTime)
            .Add("status", job.Status);
        return node.Actions("clear", "end").Links("steps");
    }

    public static WireNode Event(EngineEvent e)
    {
        var id = e.Index.ToString(CultureInfo.InvariantCulture);
        return new WireNode("event")
            .Attr("href", $"{ApiPaths.Root}/events/{id}")
            .Attr("id", id)
            .Add("description", e.Description)
            .Add("code", e.Code)
            .Add("correlation_id", e.CorrelationId)
            .Add("custom_data", e.CustomData)
            .Add("custom_id", e.CustomId)
            .Add("flood_rate", 30)
            .Add("index", e.Index)
            .Add("origin", e.Origin)
            .Add("severity", e.Severity)
            .AddDate("time", e.Time)
            .AddReference("vm", e.Subject.VmId, "vms")
            .AddReference("host", e.Subject.HostId, "hosts")
            .AddReference("storage_domain", e.Subject.StorageDomainId, "storagedomains")
            .AddReference("cluster", e.Subject.ClusterId, "clusters")
            .AddReference("data_center", e.Subject.DataCenterId, "datacenters")
            .AddReference("template", e.Subject.TemplateId, "templates");
    }
}
