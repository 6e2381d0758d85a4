// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Events;

public enum EventSeverity
{
    Unknown,
    Normal,
    Warning,
    Error,
    Alert,
}

/// <param name="Index">Grows with time.</param>
/// <param name="Code">The engine's AuditLogType.</param>
/// <param name="Severity">Its severity.</param>
/// <param name="Time">When.</param>
/// <param name="Description">English text.</param>
/// <param name="CorrelationId">Of the call that led to it, in the form the engine kept.</param>
/// <param name="Vm">The VM it is about.</param>
public sealed record EngineEvent(
    long Index, int Code, EventSeverity Severity, DateTimeOffset? Time, string Description, string? CorrelationId, VmId? Vm);

/// <summary>A note for the manager's event list.</summary>
/// <param name="Origin">Who writes.</param>
/// <param name="CustomId">Must be new for this origin.</param>
/// <param name="Severity">Its severity.</param>
/// <param name="Description">Text.</param>
/// <param name="Vm">The VM it is about.</param>
public sealed record PostEvent(string Origin, int CustomId, EventSeverity Severity, string Description, VmId? Vm);

internal sealed class EventDto
{
    public string? Id { get; init; }

    public long? Index { get; init; }

    public long? Code { get; init; }

    public string? Severity { get; init; }

    public DateTimeOffset? Time { get; init; }

    public string? Description { get; init; }

    public string? CorrelationId { get; init; }

    public RefDto? Vm { get; init; }
}
