// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Api;

/// <summary>What a handler answers.</summary>
internal sealed record ApiReply(int Status, WireNode? Body)
{
    /// <summary>Work that goes on after the reply.</summary>
    public EngineJob? Pending { get; init; }

    /// <summary>Path below the root of a created entity: what a blocking create reads again when the work is done.</summary>
    public string? CreatedPath { get; init; }

    public bool IsAction { get; init; }

    public static ApiReply Ok(WireNode body) => new(200, body);

    /// <summary>201, or 202 while <paramref name="pending"/> runs.</summary>
    public static ApiReply Created(WireNode body, EngineJob? pending = null)
    {
        var path = body.Href?[ApiPaths.Root.Length..];
        if (pending is null)
        {
            return new(201, body) { CreatedPath = path };
        }

        body.Add("creation_status", "in_progress").AddLink("creation_status", $"{body.Href}/creation_status/{pending.Id}");
        return new(202, body) { Pending = pending, CreatedPath = path };
    }

    /// <summary>An action document: accepted, and its synchronous part done.</summary>
    public static ApiReply Action(EngineJob? job = null, Action<WireNode>? more = null)
    {
        var action = new WireNode("action").Add("status", "complete");
        if (job is not null)
        {
            action.AddReference("job", job.Id, "jobs");
        }

        more?.Invoke(action);
        return new(200, action) { Pending = job, IsAction = true };
    }
}
