// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.S3;

internal sealed partial class S3Lease
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Error, "The lock of {Location} was taken by another process; this one writes nothing any more")]
        public static partial void TakenOver(ILogger logger, string location);

        [LoggerMessage(LogLevel.Warning, "The lock of {Location} could not be renewed: {Problem}")]
        public static partial void RenewalFailed(ILogger logger, string location, string problem);

        [LoggerMessage(LogLevel.Information, "The lock of {Location} is renewed again; nobody else had it")]
        public static partial void Regained(ILogger logger, string location);

        [LoggerMessage(LogLevel.Warning, "The lock of {Location} could not be given back and ends by itself: {Problem}")]
        public static partial void NotGivenBack(ILogger logger, string location, string problem);
    }
}
