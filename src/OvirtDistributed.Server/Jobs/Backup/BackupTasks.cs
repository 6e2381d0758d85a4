// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>The task of one disk.</summary>
internal static class BackupTasks
{
    /// <summary>Incremental needs both: the engine can tell what changed, and the disk is in the base point.</summary>
    public static DiskTask Create(Job job, BackupDetails details, EngineDisk disk, bool? engineIncremental, DateTimeOffset now)
    {
        var inBase = details.BaseDisks.Contains(disk.Id);
        var incremental = details.Incremental && inBase && (engineIncremental ?? true);
        var reason = incremental || !details.Incremental ? details.ModeReason
            : !inBase ? "the disk is not in the last restore point"
            : "the manager gives no dirty extents for this disk";
        return new DiskTask
        {
            Id = Guid.NewGuid(),
            JobId = job.Id,
            DiskId = disk.Id,
            DiskAlias = disk.Alias,
            SizeBytes = disk.SizeBytes,
            ClusterId = job.ClusterId,
            Incremental = incremental,
            ModeReason = reason,
            Offered = now,
            Published = now,
        };
    }
}
