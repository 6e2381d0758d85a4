// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Simulator.Api;
using OvirtDistributed.Simulator.Engine.Entities;
using OvirtDistributed.Simulator.Wire;

namespace OvirtDistributed.Simulator.Engine;

/// <summary>Entities named in request bodies by id or, as the API allows, by name.</summary>
internal static class Lookup
{
    public static Cluster Cluster(EngineState state, WireNode? reference, string type, string operation) =>
        Find(state.Clusters, reference) ?? throw Missing(reference, type, "cluster.id|name", operation);

    public static StorageDomain Domain(EngineState state, WireNode? reference, string type, string operation) =>
        Find(state.StorageDomains, reference) ?? throw Missing(reference, type, "storageDomains.storageDomain.id|name", operation);

    public static EngineHost Host(EngineState state, WireNode? reference, string type, string operation) =>
        Find(state.Hosts, reference) ?? throw Missing(reference, type, "host.id|name", operation);

    /// <summary>The entity the reference names, null without a reference or when nothing matches.</summary>
    public static T? Find<T>(OrderedDictionary<Guid, T> entities, WireNode? reference)
        where T : Entity
    {
        if (reference is null)
        {
            return null;
        }

        if (reference.Guid() is { } id)
        {
            return entities.GetValueOrDefault(id);
        }

        var name = reference.Value("name");
        return name is null ? null : entities.Values.FirstOrDefault(e => e.Name == name);
    }

    /// <summary>An entity named in the path; 404 when there is none.</summary>
    public static T Get<T>(OrderedDictionary<Guid, T> entities, Guid id)
        where T : class =>
        entities.TryGetValue(id, out var entity) ? entity : throw ApiFault.Gone(typeof(T).Name, id);

    public static T Get<T>(IEnumerable<T> entities, Guid id)
        where T : Entity =>
        entities.FirstOrDefault(e => e.Id == id) ?? throw ApiFault.Gone(typeof(T).Name, id);

    private static ApiFault Missing(WireNode? reference, string type, string field, string operation) =>
        reference is null
            ? ApiFault.Incomplete(type, field, operation)
            : ApiFault.BadRequest($"Entity not found: {reference.Name}: {reference.Id ?? reference.Value("name")}");
}
