// SPDX-License-Identifier: Apache-2.0

namespace OvirtDistributed.Server.Jobs;

/// <summary>Which clusters had workers at one moment.</summary>
/// <param name="Manned">Clusters with a worker that is there.</param>
/// <param name="Silent">Of the others: the worker that was heard of last, and when.</param>
/// <param name="Names">Of the clusters.</param>
internal sealed record WorkerPresence(IReadOnlySet<Guid> Manned, IReadOnlyDictionary<Guid, (string Name, DateTimeOffset LastSeen)> Silent, IReadOnlyDictionary<Guid, string> Names)
{
    /// <summary>Why nobody would take a task of a cluster, and what to do; null when somebody would.</summary>
    public string? ExplainUnmanned(Guid clusterId)
    {
        if (Manned.Contains(clusterId))
        {
            return null;
        }

        var name = Names.TryGetValue(clusterId, out var known) ? known : $"{clusterId}";
        return Silent.TryGetValue(clusterId, out var last)
            ? $"no worker of cluster {name} is on-line, {last.Name} was heard of last at {last.LastSeen:u}: start it, or another one with Worker:ClusterId {clusterId} (ovd worker list)"
            : $"cluster {name} has no worker: start one with Worker:ClusterId {clusterId} (ovd worker list shows it once it has reported)";
    }

    /// <summary>The same for several clusters: the first that has none.</summary>
    public string? ExplainUnmanned(IEnumerable<Guid> clusterIds) => clusterIds.Select(ExplainUnmanned).FirstOrDefault(reason => reason is not null);
}
