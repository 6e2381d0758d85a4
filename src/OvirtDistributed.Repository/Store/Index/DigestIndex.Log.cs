// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging;

namespace OvirtDistributed.Repository.Store.Index;

internal sealed partial class DigestIndex
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "An index run is damaged; it is merged with nothing, removed when the repository is closed, and rebuilt from the packs by the next opening: {Fault}")]
        public static partial void RunLeftOut(ILogger logger, string fault);

        [LoggerMessage(LogLevel.Debug, "Merged {Count} index runs into {Run} with {Entries} entries")]
        public static partial void RunsMerged(ILogger logger, int count, long entries, string run);
    }
}
