// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Retention;

internal sealed partial class RetentionRunner
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Restore point {PointId} of VM {Vm}, {Created:u}, was removed from repository {Repository} by policy {Policy}")]
        public static partial void PointRemoved(ILogger logger, string pointId, string vm, DateTimeOffset created, string repository, string policy);

        [LoggerMessage(LogLevel.Warning, "Restore point {PointId} of VM {Vm} could not be removed from repository {Repository} and will be tried again: {Problem}")]
        public static partial void PointNotRemoved(ILogger logger, string pointId, string vm, string repository, string problem);

        [LoggerMessage(LogLevel.Error, "A round of retention failed")]
        public static partial void RoundFailed(ILogger logger, Exception failure);
    }
}
