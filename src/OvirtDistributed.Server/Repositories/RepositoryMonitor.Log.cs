// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Repositories;

internal sealed partial class RepositoryMonitor
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Information, "Catalog of repository {Repository} follows its manifests again: {Points} restore points")]
        public static partial void CatalogRebuilt(ILogger logger, string repository, int points);

        [LoggerMessage(LogLevel.Warning, "Repositories could not be checked; trying again later")]
        public static partial void RoundFailed(ILogger logger, Exception exception);
    }
}
