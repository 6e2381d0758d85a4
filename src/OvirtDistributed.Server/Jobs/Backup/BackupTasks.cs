// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Jobs.Backup;

/// <summary>A disk that the manager holds at the backup's moment. <paramref name="GivesChanges"/>: whether it can tell what changed; null when that is not known.</summary>
internal readonly record struct TakenDisk(bool? GivesChanges);

/// <summary>The tasks of a backup, one per disk.</summary>
internal static class BackupTasks
{
    /// <summary>Makes and offers the tasks; a disk that the manager left out is a warning.</summary>
    /// <param name="context">The job's step.</param>
    /// <param name="settlement">Offers them.</param>
    /// <param name="vm">The VM as it was read.</param>
    /// <param name="details">What was decided.</param>
    /// <param name="holder">What holds the moment, for messages.</param>
    /// <param name="find">What the manager holds of a disk; null when nothing.</param>
    /// <exception cref="JobFailureException">It holds none of them.</exception>
    public static void Offer(StepContext context, TaskSettlement settlement, EngineVm vm, BackupDetails details, string holder, Func<EngineDisk, TakenDisk?> find)
    {
        var job = context.Job;
        foreach (var disk in vm.Disks.Where(disk => details.Disks.Contains(disk.Id)))
        {
            if (find(disk) is not { } taken)
            {
                var text = $"disk {disk.Alias} left out: the manager did not take it into {holder}";
                context.Warning(text);
                job.Warn(text);
                continue;
            }

            var task = Create(job, details, disk, taken.GivesChanges, context.Now);
            job.Tasks.Add(task);
            context.Database.Add(task);
            if (details.Commands?.Post is null || details.Export is not null)
            {
                settlement.Offer(context, task); // else once the post-command is through: it must not wait for a slot behind them. Before an export it is.
            }
        }

        if (job.Tasks.Count == 0)
        {
            throw new JobFailureException($"The manager took none of the disks of VM {job.VmName} into {holder}.");
        }
    }

    /// <summary>Incremental needs both: the engine can tell what changed, and the disk is in the base point. Where the engine does not say, the plan's rule does.</summary>
    private static DiskTask Create(Job job, BackupDetails details, EngineDisk disk, bool? engineIncremental, DateTimeOffset now)
    {
        var inBase = details.BaseDisks.Contains(disk.Id);
        var planned = DiskReading.Of(disk, details.Incremental, inBase, details.RawBaseDisks.Contains(disk.Id), details.TransportMode);
        var incremental = details.Incremental && inBase && (engineIncremental ?? planned.Incremental);
        var reason = incremental || !details.Incremental ? details.ModeReason
            : planned.Reason.Length > 0 ? planned.Reason
            : "the manager gives no dirty extents for this disk";
        return new DiskTask
        {
            Id = Guid.NewGuid(),
            JobId = job.Id,
            DiskId = disk.Id,
            DiskAlias = disk.Alias,
            SizeBytes = disk.SizeBytes,
            ClusterId = details.Export?.WorkerClusterId ?? job.ClusterId,
            Incremental = incremental,
            ModeReason = reason,
            Offered = now,
            Published = now,
        };
    }
}
