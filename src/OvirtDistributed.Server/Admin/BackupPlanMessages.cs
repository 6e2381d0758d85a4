// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Inventory.Selection;
using OvirtDistributed.Server.Jobs.Backup;
using Wire = OvirtDistributed.Contracts.Admin.V1;

namespace OvirtDistributed.Server.Admin;

/// <summary>Planned backups as the admin API shows them.</summary>
internal static class BackupPlanMessages
{
    public static Wire.BackupPlan ToWire(PreviewedBackup preview)
    {
        var message = new Wire.BackupPlan
        {
            VmId = preview.Vm.Id.ToString("D"),
            VmName = preview.Vm.Name,
            Refusal = preview.Refusal,
            TransportMode = preview.Request.TransportMode,
            TransportReason = preview.Request.TransportReason,
            SelectedBy = { preview.SelectedBy },
        };
        if (preview.Plan is not { } plan)
        {
            return message;
        }

        message.Mode = plan.Incremental ? "incremental" : "full";
        message.ModeReason = plan.Incremental ? $"on restore point {plan.BasePoint!.Id}" : plan.ModeReason;
        message.ReadBytesAtMost = preview.ReadBytesAtMost;
        message.ScratchBytes = preview.ScratchBytes;
        message.ScratchNote = preview.ScratchNote;
        message.Calls.AddRange(preview.Refusal.Length == 0 ? preview.Calls : []);
        message.Disks.AddRange(preview.Vm.Disks.Select(disk => DiskOf(plan, disk, preview.Request.TransportMode)));
        return message;
    }

    public static Wire.LeftOutVm ToWire(LeftOutVm leftOut) => new() { VmId = leftOut.Vm.Id.ToString("D"), VmName = leftOut.Vm.Name, Rule = leftOut.Rule };

    public static Wire.RefusedVm ToWire(RefusedVm refused) => new() { VmId = refused.Vm.Id.ToString("D"), VmName = refused.Vm.Name, Reason = refused.Obstacle.Text };

    private static Wire.PlannedDisk DiskOf(BackupPlan plan, Managers.EngineDisk disk, string transportMode)
    {
        var skipped = plan.Skipped.FirstOrDefault(candidate => candidate.DiskId == disk.Id);
        var reading = plan.ReadingOf(disk, transportMode);
        return new Wire.PlannedDisk
        {
            Id = disk.Id.ToString("D"),
            Alias = disk.Alias,
            SizeBytes = disk.SizeBytes,
            AllocatedBytes = disk.ActualBytes,
            Mode = skipped is not null ? "" : reading.Incremental ? "incremental" : "full",
            Reason = skipped?.Reason ?? reading.Reason,
        };
    }
}
