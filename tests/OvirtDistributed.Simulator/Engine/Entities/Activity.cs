// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Simulator.Engine.Entities;

/// <summary>A job as the API lists it, with the task that carries it out.</summary>
internal sealed class EngineJob
{
    public required Guid Id { get; init; }

    public required string Description { get; init; }

    public required string CorrelationId { get; init; }

    public required DateTimeOffset StartTime { get; init; }

    /// <summary>started, finished, failed or aborted.</summary>
    public string Status { get; set; } = "started";

    public DateTimeOffset? EndTime { get; set; }

    /// <summary>Completes, without error, when the job has ended either way.</summary>
    public Task Completion { get; set; } = Task.CompletedTask;
}

/// <summary>What an event is about.</summary>
internal sealed record EventSubject
{
    public Guid? VmId { get; init; }

    public Guid? HostId { get; init; }

    public Guid? StorageDomainId { get; init; }

    public Guid? ClusterId { get; init; }

    public Guid? DataCenterId { get; init; }

    public Guid? TemplateId { get; init; }
}

internal sealed record EngineEvent
{
    /// <summary>Increasing; the API's id is the same number.</summary>
    public required long Index { get; init; }

    public required int Code { get; init; }

    public required string Severity { get; init; }

    public required string Description { get; init; }

    public required DateTimeOffset Time { get; init; }

    public string? CorrelationId { get; init; }

    public string Origin { get; init; } = "oVirt";

    public long CustomId { get; init; } = -1;

    public string? CustomData { get; init; }

    public required EventSubject Subject { get; init; }
}
