// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.DataMover.Sessions;

internal sealed partial class SessionTable
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Session {SessionId} on {Repository} opened for task {TaskId}, token {FencingToken}")]
        public static partial void SessionOpened(ILogger logger, string sessionId, string repository, string taskId, long fencingToken);

        [LoggerMessage(LogLevel.Information, "Session {SessionId} on {Repository} of task {TaskId} ended: {End}")]
        public static partial void SessionEnded(ILogger logger, string sessionId, string repository, string taskId, SessionEnd end);
    }
}
