// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal sealed partial class Leadership
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "This server drives the jobs")]
        public static partial void Leads(ILogger logger);

        [LoggerMessage(LogLevel.Warning, "This server does not drive jobs: the database is away")]
        public static partial void LeadershipLost(ILogger logger, Exception exception);
    }
}
