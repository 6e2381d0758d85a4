// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Workers;

internal sealed partial class WorkerCalls
{
    private static partial class Log
    {
        [LoggerMessage(
            LogLevel.Warning,
            "Worker {Name} says that it is in cluster {ClusterId}, which no manager has: it gets no work until one has. Check Worker:ClusterId (ovd manager inventory NAME -o json), or add the manager")]
        public static partial void ClusterUnknown(ILogger logger, string name, Guid clusterId);

        [LoggerMessage(LogLevel.Information, "Worker {Name} ({WorkerId}) serves cluster {ClusterId} with {Slots} slots")]
        public static partial void WorkerRegistered(ILogger logger, string name, string workerId, Guid clusterId, int slots);
    }
}
