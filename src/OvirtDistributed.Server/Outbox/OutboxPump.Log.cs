// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Outbox;

internal sealed partial class OutboxPump
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Offer of task {TaskId} attempt {Attempt} is in no queue: {Problem}")]
        public static partial void OfferNotQueued(ILogger logger, Guid taskId, int attempt, string problem);

        [LoggerMessage(LogLevel.Warning, "The outbox could not be read; trying again")]
        public static partial void PumpFailed(ILogger logger, Exception exception);
    }
}
