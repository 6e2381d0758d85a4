// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Database;

internal sealed partial class DatabaseMigrator
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Database migrated: {Migrations}")]
        public static partial void Migrated(ILogger logger, string migrations);
    }
}
