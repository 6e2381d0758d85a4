// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

internal sealed partial class GuestFreeze
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Guest of VM {VmName} is frozen for job {JobId}, for {Timeout} at most")]
        public static partial void Frozen(ILogger logger, string vmName, Guid jobId, TimeSpan timeout);

        [LoggerMessage(LogLevel.Warning, "Guest of VM {VmName} was not frozen for job {JobId}: {Problem}")]
        public static partial void Refused(ILogger logger, string vmName, Guid jobId, string problem);

        [LoggerMessage(LogLevel.Warning, "Guest of VM {VmName}, frozen for job {JobId}, is thawed because {Timeout} are over")]
        public static partial void TimedOut(ILogger logger, string vmName, Guid jobId, TimeSpan timeout);

        [LoggerMessage(LogLevel.Information, "Guest of VM {VmName}, frozen for job {JobId}, is thawed (calls: {Tries})")]
        public static partial void Thawed(ILogger logger, string vmName, Guid jobId, int tries);

        [LoggerMessage(LogLevel.Warning, "Guest of VM {VmName}, frozen for job {JobId}, could not be thawed, trying again: {Problem}")]
        public static partial void ThawFailed(ILogger logger, string vmName, Guid jobId, string problem);

        [LoggerMessage(LogLevel.Error, "Guest of VM {VmName} may still be frozen for job {JobId}; the ledger keeps it and it is tried again: {Problem}")]
        public static partial void StillFrozen(ILogger logger, string vmName, Guid jobId, string problem);

        [LoggerMessage(LogLevel.Error, "Freeze of VM {VmName} for job {JobId} broke: the guest is thawed, by its guard at the latest, and the ledger keeps it")]
        public static partial void Broke(ILogger logger, string vmName, Guid jobId, Exception exception);
    }
}
