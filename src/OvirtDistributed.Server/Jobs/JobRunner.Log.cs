// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal sealed partial class JobRunner
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Warning, "Jobs could not be read; trying again")]
        public static partial void LookFailed(ILogger logger, Exception exception);

        [LoggerMessage(LogLevel.Warning, "The state of job {JobId} could not be saved; the step is repeated")]
        public static partial void StepNotSaved(ILogger logger, Guid jobId, Exception exception);
    }
}
