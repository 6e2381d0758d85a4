// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

internal sealed partial class OrphanSweep
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Snapshot {SnapshotId} of VM {VmId} carries our mark and no restore point needs it: deleted")]
        public static partial void OrphanSnapshot(ILogger logger, Guid snapshotId, Guid vmId);

        [LoggerMessage(LogLevel.Warning, "Backup {BackupId} of VM {VmId} carries our mark but nobody knows it: ended")]
        public static partial void OrphanEnded(ILogger logger, Guid backupId, Guid vmId);

        [LoggerMessage(LogLevel.Warning, "VM {VmId} could not be searched for left-overs: {Problem}")]
        public static partial void SweepFailed(ILogger logger, Guid vmId, string problem);

        [LoggerMessage(LogLevel.Warning, "Manager {ManagerId} could not be searched for left-overs, its other VMs are looked at in the next round: {Problem}")]
        public static partial void ManagerSkipped(ILogger logger, Guid managerId, string problem);

        [LoggerMessage(LogLevel.Warning, "Snapshot {SnapshotId} of VM {VmId} is of repository {RepositoryId}, which is not known here: it stays. Add the repository again, or delete the snapshot on the manager")]
        public static partial void RepositoryAway(ILogger logger, Guid snapshotId, Guid vmId, Guid repositoryId);

        [LoggerMessage(LogLevel.Warning, "Engines could not be searched for left-overs; trying again later")]
        public static partial void RoundFailed(ILogger logger, Exception exception);
    }
}
