// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OvirtDistributed.Ovirt.Engine.Wire;
using OvirtDistributed.Ovirt.Ids;

namespace OvirtDistributed.Ovirt.Engine.Events;

/// <summary>The manager's event list: better than polling for the reason of a failure.</summary>
public sealed class EngineEvents
{
    private readonly EngineHttp _http;

    internal EngineEvents(EngineHttp http)
    {
        _http = http;
    }

    /// <summary>Events with a larger index, in the order of their index.</summary>
    public async Task<IReadOnlyList<EngineEvent>> ListSinceAsync(long index, int max, CancellationToken cancellationToken)
    {
        var path = EngineQuery.With("events", ("from", Text(index)), ("max", Text(max)));
        var events = await ListAsync(path, cancellationToken);
        return [.. events.Where(item => item.Index > index).OrderBy(item => item.Index)];
    }

    /// <summary>Index of the newest event, 0 when there is none.</summary>
    public async Task<long> GetNewestIndexAsync(CancellationToken cancellationToken)
    {
        var events = await ListAsync(EngineQuery.With("events", ("max", "1")), cancellationToken);
        return events.Count == 0 ? 0 : events.Max(item => item.Index);
    }

    /// <summary>Events that match, newest first. A bare word searches all text: an id finds the events that mention it.</summary>
    public async Task<IReadOnlyList<EngineEvent>> SearchAsync(EngineSearch search, int max, CancellationToken cancellationToken)
    {
        var events = await ListAsync(EngineQuery.With("events", ("search", search.Text), ("max", Text(max))), cancellationToken);
        return [.. events.OrderByDescending(item => item.Index)];
    }

    /// <summary>Leaves a note for administrators.</summary>
    public async Task PostAsync(PostEvent note, CorrelationId correlation, CancellationToken cancellationToken)
    {
        var body = new JsonObject()
            .Set("origin", note.Origin)
            .Set("custom_id", note.CustomId)
            .Set("severity", note.Severity switch
            {
                EventSeverity.Warning => "warning",
                EventSeverity.Error => "error",
                EventSeverity.Alert => "alert",
                _ => "normal",
            })
            .Set("description", note.Description)
            .SetReference("vm", note.Vm);
        await _http.SendAsync(EngineRequest.Post("events", body, correlation), cancellationToken);
    }

    private Task<IReadOnlyList<EngineEvent>> ListAsync(string path, CancellationToken cancellationToken) =>
        _http.ListAsync(path, EngineJson.Default.WireListEventDto, ToEvent, cancellationToken);

    private static EngineEvent ToEvent(EventDto dto) => new(
        dto.Index ?? ParseIndex(dto.Id),
        dto.Code is >= 0 and <= int.MaxValue ? (int)dto.Code : 0,
        WireValue.Word<EventSeverity>(dto.Severity),
        dto.Time,
        dto.Description ?? string.Empty,
        dto.CorrelationId,
        WireValue.OptionalId<VmId>(dto.Vm, "event.vm.id"));

    private static long ParseIndex(string? id) =>
        long.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? index
            : throw new JsonException("An event has neither index nor numeric id.");

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
