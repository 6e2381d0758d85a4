// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;

namespace OvirtDistributed.Worker.Agent;

internal sealed partial class TaskRun
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Task started: {Kind} of disk {DiskId} of VM {VmName} (task {TaskId}, attempt {Attempt}, job {JobId})")]
        public static partial void TaskStarted(ILogger logger, string kind, string diskId, string vmName, string taskId, int attempt, string jobId);

        [LoggerMessage(LogLevel.Information, "Task {TaskId}, attempt {Attempt} succeeded; slowest stage: {Bottleneck}")]
        public static partial void TaskSucceeded(ILogger logger, string taskId, int attempt, string bottleneck);

        [LoggerMessage(LogLevel.Warning, "Task {TaskId}, attempt {Attempt} failed ({Code}): {Reason}")]
        public static partial void TaskFailed(ILogger logger, string taskId, int attempt, FailureCode code, string reason);

        [LoggerMessage(LogLevel.Error, "Task {TaskId}, attempt {Attempt} failed unexpectedly")]
        public static partial void TaskFailedUnexpectedly(ILogger logger, string taskId, int attempt, Exception exception);

        [LoggerMessage(LogLevel.Information, "Task {TaskId}, attempt {Attempt} was told to stop: {Reason}")]
        public static partial void TaskToldToStop(ILogger logger, string taskId, int attempt, StopReason reason);

        [LoggerMessage(LogLevel.Warning, "The order for task {TaskId}, attempt {Attempt} did not come: {Reason}; asking again")]
        public static partial void OrderNotReceived(ILogger logger, string taskId, int attempt, string reason);

        [LoggerMessage(LogLevel.Information, "Outcome of task {TaskId}, attempt {Attempt} reported; accepted: {Accepted}")]
        public static partial void OutcomeReported(ILogger logger, string taskId, int attempt, bool accepted);

        [LoggerMessage(LogLevel.Warning, "Outcome of task {TaskId}, attempt {Attempt} could not be delivered: {Reason}; trying again")]
        public static partial void OutcomeNotDelivered(ILogger logger, string taskId, int attempt, string reason);

        [LoggerMessage(LogLevel.Warning, "Outcome of task {TaskId}, attempt {Attempt} is dropped: {Reason}")]
        public static partial void OutcomeDropped(ILogger logger, string taskId, int attempt, string reason);
    }
}
