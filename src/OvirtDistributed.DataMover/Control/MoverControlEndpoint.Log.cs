// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.DataMover.Control;

internal sealed partial class MoverControlEndpoint
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Restore point {Point} in repository {Repository} is locked until {Until}")]
        public static partial void PointLocked(ILogger logger, string point, string repository, DateTimeOffset until);

        [LoggerMessage(LogLevel.Information, "Restore point {PointId} of repository {Repository} was asked to be removed; it was there: {Removed}")]
        public static partial void PointRemoved(ILogger logger, string pointId, string repository, bool removed);

        [LoggerMessage(LogLevel.Information, "Key slot {SlotId} ({Kind}) added to repository {Repository}")]
        public static partial void KeySlotAdded(ILogger logger, Guid slotId, string kind, string repository);

        [LoggerMessage(LogLevel.Information, "Key slot {SlotId} of repository {Repository} was asked to be removed; it was there: {Removed}")]
        public static partial void KeySlotRemoved(ILogger logger, Guid slotId, string repository, bool removed);

        [LoggerMessage(LogLevel.Information, "Task {TaskId} on {Repository} fenced below token {Token}, {Sessions} sessions ended")]
        public static partial void TaskFenced(ILogger logger, string taskId, string repository, long token, int sessions);

        [LoggerMessage(LogLevel.Information, "Task {TaskId} of aborted job {JobId} on {Repository} abandoned")]
        public static partial void TaskAbandoned(ILogger logger, string taskId, string jobId, string repository);

        [LoggerMessage(LogLevel.Information, "Point {PointId} of job {JobId} on {Repository}: {Outcome}, {Pages} pages checked")]
        public static partial void PointCommitted(ILogger logger, string pointId, string jobId, string repository, string outcome, long pages);

        [LoggerMessage(LogLevel.Warning, "Commit of job {JobId} on {Repository} refused: {Missing} frames are missing")]
        public static partial void CommitLacksFrames(ILogger logger, string jobId, string repository, long missing);
    }
}
