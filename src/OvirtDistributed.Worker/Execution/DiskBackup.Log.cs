// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Execution;

internal sealed partial class DiskBackup
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Session open for disk {DiskId}: base {HasBase}, {CompletedPages} pages durable from earlier attempts, {DamagedRanges} damaged ranges in the base, {RewriteRanges} to be written anew")]
        public static partial void SessionOpened(ILogger logger, string diskId, bool hasBase, int completedPages, int damagedRanges, int rewriteRanges);
    }
}
