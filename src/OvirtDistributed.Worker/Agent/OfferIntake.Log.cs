// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Worker.Agent;

internal sealed partial class OfferIntake
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Listening on {Queue}, {Free} slots free")]
        public static partial void Listening(ILogger logger, string queue, int free);

        [LoggerMessage(LogLevel.Debug, "Not listening for offers: {Free} slots free, server reachable: {Reachable}")]
        public static partial void NotListening(ILogger logger, int free, bool reachable);

        [LoggerMessage(LogLevel.Warning, "The endpoint for offers did not stop in order: {Reason}")]
        public static partial void EndpointNotStopped(ILogger logger, string reason);

        [LoggerMessage(LogLevel.Error, "The offer of task {TaskId}, attempt {Attempt} could not be handled")]
        public static partial void OfferFailed(ILogger logger, Guid taskId, int attempt, Exception exception);

        [LoggerMessage(LogLevel.Warning, "The server did not answer for the lease of task {TaskId}, attempt {Attempt}: {Reason}; no offers are taken until it does")]
        public static partial void LeaseNotAnswered(ILogger logger, Guid taskId, int attempt, string reason);

        [LoggerMessage(LogLevel.Information, "The lease of task {TaskId}, attempt {Attempt} was refused: {Reason}")]
        public static partial void LeaseRefused(ILogger logger, Guid taskId, int attempt, string reason);
    }
}
