// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server;

internal sealed partial class InstallationStart
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Installation {InstanceId}: the database is up to date")]
        public static partial void Started(ILogger logger, Guid instanceId);

        [LoggerMessage(LogLevel.Information, "{Leases} leases extended by {Downtime}, the time without a server")]
        public static partial void LeasesExtended(ILogger logger, int leases, TimeSpan downtime);
    }
}
