// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

internal sealed partial class WorkerAgent
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Worker {Name} ({WorkerId}) registered for cluster {ClusterId} with {Slots} slots")]
        public static partial void WorkerRegistered(ILogger logger, string name, Guid workerId, Guid clusterId, int slots);

        [LoggerMessage(LogLevel.Warning, "Worker {Name} could not register: {Reason}; trying again")]
        public static partial void WorkerNotRegistered(ILogger logger, string name, string reason);

        [LoggerMessage(LogLevel.Warning, "The backup server does not answer: {Reason}; no offers are taken until it does")]
        public static partial void ServerLost(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Information, "The backup server answers again")]
        public static partial void ServerBack(ILogger logger);

        [LoggerMessage(LogLevel.Information, "Worker {Name} stopped")]
        public static partial void WorkerStopped(ILogger logger, string name);
    }
}
