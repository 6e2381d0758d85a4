// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Catalog;

internal sealed partial class PointCatalog
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "The manifest of restore point {PointId} in repository {Repository} cannot be read: {Problem}")]
        public static partial void ManifestUnreadable(ILogger logger, string pointId, string repository, string problem);
    }
}
