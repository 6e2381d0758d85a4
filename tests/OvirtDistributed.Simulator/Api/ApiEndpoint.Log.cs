// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Simulator.Api;

internal sealed partial class ApiEndpoint
{
    private static partial class Log
    {
        [LoggerMessage(Level = LogLevel.Information, Message = "{Method} {Path} refused with {Status}: {Reason}")]
        public static partial void Refused(ILogger logger, string method, string path, int status, string reason);

        [LoggerMessage(Level = LogLevel.Information, Message = "{Method} {Path}: connection dropped by a fault rule")]
        public static partial void ConnectionDropped(ILogger logger, string method, string path);

        [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed unexpectedly")]
        public static partial void Failed(ILogger logger, string method, string path, Exception error);
    }
}
