// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>A line of the job's own log, for operators. Holds no secret.</summary>
internal sealed class JobLogLine
{
    public long Id { get; init; }

    public required Guid JobId { get; init; }

    public Guid? TaskId { get; init; }

    public required DateTimeOffset Time { get; init; }

    public required LogSeverity Severity { get; init; }

    public required string Message { get; init; }
}

internal enum LogSeverity
{
    Info,
    Warning,
    Error,
}
