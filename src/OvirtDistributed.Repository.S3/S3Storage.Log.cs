// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.S3;

public sealed partial class S3Storage
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Unfinished uploads of {Location} could not be removed: {Problem}")]
        public static partial void UploadsLeft(ILogger logger, string location, string problem);
    }
}
