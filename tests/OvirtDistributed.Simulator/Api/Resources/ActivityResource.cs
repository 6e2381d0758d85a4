// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using OvirtDistributed.Simulator.Api.Render;
using OvirtDistributed.Simulator.Engine;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api.Resources;

/// <summary>Events and jobs.</summary>
internal sealed class ActivityResource(EngineCommands commands, SearchSchemas search)
{
    private EngineState State => commands.State;

    public void Map(ApiRouter router) => router
        .Map("GET", "/events", Events)
        .Map("POST", "/events", Post)
        .Map("GET", "/events/*", Event)
        .Map("GET", "/jobs", r => Listing.Search(r, "jobs", State.Jobs.Values, search.Jobs, ActivityRender.Job))
        .Map("GET", "/jobs/*", r => ApiReply.Ok(ActivityRender.Job(Lookup.Get(State.Jobs, r.Id(0)))))
        .Map("GET", "/jobs/*/steps", r => Listing.All<int>(r, "steps", [], _ => new WireNode("step")));

    private ApiReply Events(ApiRequest r)
    {
        // Newest first, unless the client asks for what came after an event it knows.
        if (r.Text("from") is not { } text)
        {
            return Listing.Search(r, "events", Enumerable.Reverse(State.Events), search.Events, ActivityRender.Event);
        }

        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var from)
            ? Listing.Search(r, "events", State.Events.Where(e => e.Index > from), search.Events, ActivityRender.Event)
            : throw ApiFault.BadRequest($"Value '{text}' of 'from' is not an integer.");
    }

    private ApiReply Event(ApiRequest r)
    {
        var found = long.TryParse(r.Captures[0], NumberStyles.None, CultureInfo.InvariantCulture, out var index)
            ? State.Events.Find(e => e.Index == index)
            : null;
        return found is null ? throw ApiFault.Gone("Event", r.Captures[0]) : ApiReply.Ok(ActivityRender.Event(found));
    }

    private ApiReply Post(ApiRequest r)
    {
        var body = r.Body;
        var missing = new[] { "origin", "severity", "custom_id", "description" }.Where(f => string.IsNullOrEmpty(body.Value(f))).ToList();
        if (missing.Count > 0)
        {
            throw ApiFault.Incomplete("Event", string.Join(", ", missing), "add");
        }

        var origin = body.Value("origin")!;
        var customId = body.Number("custom_id")!.Value;
        if (State.Events.Exists(e => e.Origin == origin && e.CustomId == customId))
        {
            throw ApiFault.Conflict("Cannot add Event: An event with the same custom id and origin already exists.");
        }

        if (body.Value("severity") is not ("normal" or "warning" or "error" or "alert"))
        {
            throw ApiFault.BadRequest($"{body.Value("severity")} is not a member of LogSeverity. Possible values for LogSeverity are: alert, error, normal, warning");
        }

        var added = commands.Engine.Event(index => new EngineEvent
        {
            Index = index,
            Code = 9999,
            Severity = body.Value("severity")!,
            Description = body.Value("description")!,
            Time = commands.Engine.Now,
            CorrelationId = r.Scope.CorrelationId,
            Origin = origin,
            CustomId = customId,
            CustomData = body.Value("custom_data"),
            Subject = new EventSubject
            {
                VmId = Lookup.Find(State.Vms, body.Child("vm"))?.Id,
                HostId = Lookup.Find(State.Hosts, body.Child("host"))?.Id,
                StorageDomainId = Lookup.Find(State.StorageDomains, body.Child("storage_domain"))?.Id,
                ClusterId = Lookup.Find(State.Clusters, body.Child("cluster"))?.Id,
                DataCenterId = Lookup.Find(State.DataCenters, body.Child("data_center"))?.Id,
                TemplateId = Lookup.Find(State.Templates, body.Child("template"))?.Id,
            },
        });
        return ApiReply.Created(ActivityRender.Event(added));
    }
}
