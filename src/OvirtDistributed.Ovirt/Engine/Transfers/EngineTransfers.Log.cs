// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Transfers;

public sealed partial class EngineTransfers
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Warning, Message = "Image transfer {Transfer} could not be ended and still locks its disk, it has to be ended later: {Reason}")]
        public static partial void TransferNotEnded(ILogger logger, TransferId transfer, string reason);
    }
}
