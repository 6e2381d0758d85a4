// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Simulator.Storage;

public sealed partial class DiskStorage
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Ended process {ProcessId} that an earlier simulator left behind")]
        public static partial void OrphanEnded(ILogger logger, int processId);

        [LoggerMessage(LogLevel.Information, "VM {VmId} started with {Disks} disks")]
        public static partial void VmStarted(ILogger logger, Guid vmId, int disks);

        [LoggerMessage(LogLevel.Information, "VM {VmId} stopped, clean: {Clean}")]
        public static partial void VmStopped(ILogger logger, Guid vmId, bool clean);

        [LoggerMessage(LogLevel.Information, "Backup {BackupId} of VM {VmId} started, live: {Live}")]
        public static partial void BackupStarted(ILogger logger, Guid backupId, Guid vmId, bool live);

        [LoggerMessage(LogLevel.Information, "Backup {BackupId} stopped")]
        public static partial void BackupStopped(ILogger logger, Guid backupId);

        [LoggerMessage(LogLevel.Warning, "Backup {BackupId} of a VM that is gone: its jobs could not be ended in order: {Reason}")]
        public static partial void BackupLost(ILogger logger, Guid backupId, string reason);

        [LoggerMessage(LogLevel.Warning, "A part of the storage did not close in order: {Reason}")]
        public static partial void CloseFailed(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Warning, "Disk {DiskId}: bitmaps were lost in a merge of layers: {Reason}")]
        public static partial void MergeLostBitmaps(ILogger logger, Guid diskId, string reason);

        [LoggerMessage(LogLevel.Warning, "Disk {DiskId}: the uploaded volume cannot be read: {Reason}")]
        public static partial void UploadUnreadable(ILogger logger, Guid diskId, string reason);
    }
}
