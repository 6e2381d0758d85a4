// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Inventory;

internal sealed partial class InventoryReader
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Manager {Manager} could not be read: {Problem}")]
        public static partial void ManagerUnreadable(ILogger logger, string manager, string problem);

        [LoggerMessage(LogLevel.Warning, "The inventory could not be stored; trying again later")]
        public static partial void RoundFailed(ILogger logger, Exception exception);

        [LoggerMessage(LogLevel.Warning, "The queue of cluster {Cluster} could not be declared: {Problem}")]
        public static partial void QueueNotDeclared(ILogger logger, string cluster, string problem);
    }
}
