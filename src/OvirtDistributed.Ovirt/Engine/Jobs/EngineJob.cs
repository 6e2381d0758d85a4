// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Jobs;

public enum EngineJobStatus
{
    Unknown,
    Started,
    Finished,
    Failed,
    Aborted,
}

public sealed record EngineJob(JobId Id, EngineJobStatus Status, string Description, DateTimeOffset? StartTime, DateTimeOffset? EndTime);

internal sealed class JobDto
{
    public string? Id { get; init; }

    public string? Status { get; init; }

    public string? Description { get; init; }

    public DateTimeOffset? StartTime { get; init; }

    public DateTimeOffset? EndTime { get; init; }
}
