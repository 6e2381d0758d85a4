// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Restore;

internal sealed partial class DiskRestore
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Disk {DiskId} written and flushed: {SizeBytes} bytes")]
        public static partial void DiskWritten(ILogger logger, string diskId, long sizeBytes);

        [LoggerMessage(LogLevel.Information, "Disk {DiskId} verified: {Algorithm} {Checksum} on both sides")]
        public static partial void DiskVerified(ILogger logger, string diskId, string algorithm, string checksum);
    }
}
