// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Simulator.Engine.Commands;

internal sealed partial class TransferRun
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "The ticket of transfer {Transfer} cannot be removed from its daemon; trying again")]
        public static partial void TicketNotRemoved(ILogger logger, Guid transfer, Exception error);
    }
}
