// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Ledger;

internal sealed partial class Reconciler
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Left-over {Kind} of job {JobId} ended: {Result}")]
        public static partial void LeftoverEnded(ILogger logger, LedgerKind kind, Guid jobId, CleanupResult result);

        [LoggerMessage(LogLevel.Warning, "Left-over {Kind} of job {JobId} could not be ended yet: {Problem}")]
        public static partial void LeftoverStays(ILogger logger, LedgerKind kind, Guid jobId, string problem);

        [LoggerMessage(LogLevel.Warning, "Ledger and engines could not be compared; trying again later")]
        public static partial void RoundFailed(ILogger logger, Exception exception);
    }
}
