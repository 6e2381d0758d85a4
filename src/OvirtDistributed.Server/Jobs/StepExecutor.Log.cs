// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

internal sealed partial class StepExecutor
{
    private static partial class Log
    {
        [LoggerMessage(LogLevel.Debug, "Step {State} of job {JobId} met a newer state and runs again")]
        public static partial void StepRepeated(ILogger logger, Guid jobId, JobState state);

        [LoggerMessage(LogLevel.Information, "{Kind} job {JobId} of {VmName} ended: {Outcome} {Message}")]
        public static partial void JobEnded(ILogger logger, Guid jobId, JobKind kind, string vmName, JobOutcome outcome, string message);

        [LoggerMessage(LogLevel.Error, "Step {State} of job {JobId} failed unexpectedly")]
        public static partial void StepFailedUnexpectedly(ILogger logger, Guid jobId, JobState state, Exception exception);
    }
}
