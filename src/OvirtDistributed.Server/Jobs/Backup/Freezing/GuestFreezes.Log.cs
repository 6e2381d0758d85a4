// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs.Backup.Freezing;

internal sealed partial class GuestFreezes
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Guest of VM {VmId}, which a server that is gone had frozen for job {JobId}, is thawed")]
        public static partial void LeftThawed(ILogger logger, Guid vmId, Guid jobId);

        [LoggerMessage(LogLevel.Error, "Guest of VM {VmId} may still be frozen for job {JobId} by a server that is gone, trying again: {Problem}")]
        public static partial void LeftFrozen(ILogger logger, Guid vmId, Guid jobId, string problem);

        [LoggerMessage(LogLevel.Warning, "It could not be looked for frozen guests; trying again")]
        public static partial void RoundFailed(ILogger logger, Exception exception);
    }
}
