// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Server.Workers;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Which workers were there at one moment.</summary>
/// <param name="Manned">Clusters with a worker that is there.</param>
/// <param name="There">The workers that are there and have reported what they can do.</param>
/// <param name="Registered">Those and all that ever were there: nobody takes a worker off the list that is gone for good.</param>
/// <param name="Names">Of the clusters.</param>
internal sealed record WorkerPresence(
    IReadOnlySet<Guid> Manned, IReadOnlyList<StoredWorker> There, IReadOnlyList<StoredWorker> Registered, IReadOnlyDictionary<Guid, string> Names)
{
    public bool IsThere(StoredWorker worker) => There.Any(other => other.Id == worker.Id);

    /// <summary>Why nobody would take a task, and what to do; null when somebody would.</summary>
    public string? ExplainUnmanned(WorkerNeed need)
    {
        if (Manned.Contains(need.ClusterId) && (need.Fits is null || There.Any(worker => worker.ClusterId == need.ClusterId && need.Fits(worker))))
        {
            return null;
        }

        var clusterId = need.ClusterId;
        var name = Names.TryGetValue(clusterId, out var known) ? known : $"{clusterId}";
        var fits = Registered.Where(worker => worker.ClusterId == clusterId && (need.Fits is null || need.Fits(worker))).MaxBy(worker => worker.LastSeen);
        if (need.Fits is not null && Manned.Contains(clusterId))
        {
            return fits is null
                ? $"cluster {name} has no worker{need.Which}: {need.Remedy}"
                : $"no worker of cluster {name}{need.Which} is on-line, {fits.Name} was heard of last at {fits.LastSeen:u}: start it, or {need.Remedy} (ovd worker list)";
        }

        return (fits ?? Registered.Where(worker => worker.ClusterId == clusterId).MaxBy(worker => worker.LastSeen)) is { } last
            ? $"no worker of cluster {name} is on-line, {last.Name} was heard of last at {last.LastSeen:u}: start it, or another one with Worker:ClusterId {clusterId} (ovd worker list)"
            : $"cluster {name} has no worker: start one with Worker:ClusterId {clusterId} (ovd worker list shows it once it has reported)";
    }

    /// <summary>The same for several needs: the first that nobody fills.</summary>
    public string? ExplainUnmanned(IEnumerable<WorkerNeed> needs) => needs.Select(ExplainUnmanned).FirstOrDefault(reason => reason is not null);
}
