// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Workers;

internal sealed partial class WorkerCalls
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Worker {Name} ({WorkerId}) serves cluster {ClusterId} with {Slots} slots")]
        public static partial void WorkerRegistered(ILogger logger, string name, string workerId, Guid clusterId, int slots);
    }
}
