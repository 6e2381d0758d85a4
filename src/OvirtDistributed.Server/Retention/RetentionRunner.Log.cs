// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Retention;

internal sealed partial class RetentionRunner
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "A round of retention failed")]
        public static partial void RoundFailed(ILogger logger, Exception failure);
    }
}
