// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Ovirt.Engine;

public sealed partial class OvirtEngineClient
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "Session with manager {Server} was not ended, it ends by itself when idle: {Reason}")]
        public static partial void LogoutFailed(ILogger logger, string server, string reason);
    }
}
