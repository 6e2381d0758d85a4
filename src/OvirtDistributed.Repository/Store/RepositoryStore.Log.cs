// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.Store;

public sealed partial class RepositoryStore
{
    internal static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "{Kind} {Digest} was repaired from a copy: it is in {Pack} now")]
        public static partial void FrameRepaired(ILogger logger, string kind, string digest, string pack);

        [LoggerMessage(
            LogLevel.Information,
            "Garbage collection: {Packs} packs looked at, {Dead} without use, {Rewritten} rewritten, {Busy} in use meanwhile; {Removed} removed, {Bytes} bytes")]
        public static partial void Collected(ILogger logger, int packs, int dead, int rewritten, int busy, int removed, long bytes);

        [LoggerMessage(LogLevel.Information, "Point {PointId} of VM {VmId} removed")]
        public static partial void PointRemoved(ILogger logger, string pointId, string vmId);

        [LoggerMessage(LogLevel.Warning, "A key slot cannot be read, so its recipient cannot open the repository; remove it and add it again: {Problem}")]
        public static partial void KeySlotUnreadable(ILogger logger, string problem);

        [LoggerMessage(LogLevel.Warning, "The manifest of point {PointId} of VM {VmId} cannot be read and was set aside: it is {Name} now")]
        public static partial void PointSetAside(ILogger logger, string pointId, string vmId, string name);

        [LoggerMessage(LogLevel.Warning, "An index run was damaged and is rebuilt from the packs: {Fault}")]
        public static partial void RunDamaged(ILogger logger, string fault);

        [LoggerMessage(LogLevel.Information, "Pack {Pack} was not sealed: {Frames} whole frames found, {UnreadableBytes} bytes were no frame")]
        public static partial void PackScanned(ILogger logger, string pack, int frames, long unreadableBytes);

        [LoggerMessage(LogLevel.Warning, "Opening the repository found a problem: {Problem}")]
        public static partial void ProblemFound(ILogger logger, string problem);

        [LoggerMessage(LogLevel.Information, "Opened repository {RepositoryId} at {Location}: {Points} points, {Packs} packs, {PackBytes} bytes")]
        public static partial void Opened(ILogger logger, Guid repositoryId, string location, long points, long packs, long packBytes);

        [LoggerMessage(LogLevel.Information, "Committed point {PointId} of VM {VmId} for job {JobId}; {PagesChecked} map pages checked")]
        public static partial void PointCommitted(ILogger logger, string pointId, string vmId, string jobId, long pagesChecked);

        [LoggerMessage(LogLevel.Information, "Disk {DiskId}: {Ranges} ranges of {Bytes} bytes are to be written anew; {Pages} map pages looked at")]
        public static partial void RewritesPlanned(ILogger logger, string diskId, long pages, int ranges, long bytes);

        [LoggerMessage(LogLevel.Information, "Disk {DiskId}: nothing is written anew, because its map cannot be read: {Fault}")]
        public static partial void RewritesNotPlanned(ILogger logger, string diskId, string fault);

        [LoggerMessage(LogLevel.Information, "Task {TaskId} is fenced below token {Token}")]
        public static partial void TaskFenced(ILogger logger, string taskId, long token);

        [LoggerMessage(LogLevel.Information, "A session was idle for {Idle} and is ended: {Session}")]
        public static partial void SessionExpired(ILogger logger, TimeSpan idle, string session);

        [LoggerMessage(LogLevel.Warning, "Merging index runs failed and is tried again after the next run: {Fault}")]
        public static partial void MergeFailed(ILogger logger, string fault);

        [LoggerMessage(LogLevel.Warning, "The time could not be written down; after a restart the clock of locks goes on from an earlier one: {Fault}")]
        public static partial void ClockNotSaved(ILogger logger, string fault);

        [LoggerMessage(LogLevel.Warning, "A journal of task {TaskId} could not be removed after the commit: {Fault}")]
        public static partial void JournalNotRemoved(ILogger logger, string taskId, string fault);

        [LoggerMessage(LogLevel.Warning, "Damage was found and could not be written down; it will be found again after a restart: {Fault}")]
        public static partial void DamageNotKept(ILogger logger, string fault);

        [LoggerMessage(LogLevel.Error, "Stored data is damaged: {Kind} {Digest} in {Object} at {Offset}: {Reason}")]
        public static partial void DamageFound(ILogger logger, string kind, string digest, string @object, long offset, string reason);
    }
}
