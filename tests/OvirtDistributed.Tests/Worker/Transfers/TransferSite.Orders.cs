// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>What the server would order.</summary>
internal sealed partial class TransferSite
{
    public TaskOrder BackupOrder(ImageServer image, string? taskId = null, long token = 1, string? basePoint = null, string engineBackup = "backup-1")
    {
        var order = NewOrder("job-" + (taskId ?? "1"), DiskId, image.Image.Size, taskId, token);
        order.Backup = new BackupDiskOrder
        {
            TransportMode = "cbt",
            Incremental = basePoint is not null,
            BasePointId = basePoint ?? string.Empty,
            EngineBackupId = engineBackup,
            ImageTransfer = new ImageTransferSource { TransferUrl = image.Url },
        };
        return order;
    }

    public TaskOrder RestoreOrder(ImageServer target, string point, bool targetIsZero = true)
    {
        var order = RestoreOrder("target-disk", point, target.Image.Size, targetIsZero);
        order.Restore.ImageTransfer = new ImageTransferSource { TransferUrl = target.Url };
        return order;
    }

    /// <summary>A backup of a disk that is attached to the worker's machine.</summary>
    public TaskOrder AttachedBackupOrder(Guid disk, long sizeBytes)
    {
        var order = NewOrder("attached-job", DiskId, sizeBytes);
        order.Backup = new BackupDiskOrder
        {
            TransportMode = "disk-attachment",
            EngineBackupId = "snapshot-1",
            AttachedDisk = new AttachedDisk { Serial = disk.ToString("D") },
        };
        return order;
    }

    /// <summary>A restore to a disk that is attached to the worker's machine.</summary>
    public TaskOrder AttachedRestoreOrder(Guid disk, string point, long sizeBytes, bool targetIsZero)
    {
        var order = RestoreOrder(disk.ToString("D"), point, sizeBytes, targetIsZero);
        order.Restore.AttachedDisk = new AttachedDisk { Serial = disk.ToString("D") };
        return order;
    }

    /// <summary>An order to verify a point.</summary>
    public async Task<TaskOrder> VerifyOrderAsync(string point, long size)
    {
        var order = NewOrder("verify-job", DiskId, size);
        order.Verify = new VerifyDiskOrder { PointId = point, Root = await RootAsync(point) };
        return order;
    }

    private TaskOrder RestoreOrder(string target, string point, long sizeBytes, bool targetIsZero)
    {
        var order = NewOrder("restore-job", target, sizeBytes);
        order.Restore = new RestoreDiskOrder { PointId = point, SourceDiskId = DiskId, TargetIsZero = targetIsZero, VerifyChecksum = true };
        return order;
    }

    private TaskOrder NewOrder(string jobId, string diskId, long sizeBytes, string? taskId = null, long token = 1) => new()
    {
        JobId = jobId,
        TaskId = taskId ?? NewTask(),
        Attempt = (int)token,
        FencingToken = token,
        VmName = "vm",
        DiskId = diskId,
        DiskSizeBytes = sizeBytes,
        Mover = new MoverTarget { Address = MoverAddress, Repository = RepositoryName },
    };
}
