// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Which clusters have workers now, and whose workers do what needs no access to a cluster's storage.</summary>
internal sealed class WorkerClusters(TimeProvider time, ServerOptions options)
{
    private static readonly TimeSpan ShortestAbsence = TimeSpan.FromMinutes(2);

    /// <summary>What is said of copying jobs may be that old.</summary>
    private static readonly TimeSpan Lately = TimeSpan.FromSeconds(5);

    private readonly DateTimeOffset _started = time.GetUtcNow();

    private volatile LookedAt? _last;

    /// <summary>A worker that was not heard of for longer takes no offer now.</summary>
    private TimeSpan WorkerIsAway => TimeSpan.FromTicks(Math.Max(ShortestAbsence.Ticks, options.HeartbeatInterval.Ticks * 4));

    /// <summary>Looks which clusters have workers.</summary>
    /// <remarks>Workers could not report while no server ran: just after a start those that had counts as there.</remarks>
    public async Task<WorkerPresence> LookAsync(ServerDbContext context, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var justStarted = now - _started < options.HeartbeatInterval * 4;
        var workers = await context.Workers.AsNoTracking().ToListAsync(cancellationToken);
        var names = await context.Inventory.AsNoTracking().Where(item => item.Kind == InventoryKind.Cluster)
            .Select(item => new { item.ObjectId, item.Name }).ToListAsync(cancellationToken);
        var there = workers.FindAll(worker => justStarted || worker.LastSeen > now - WorkerIsAway);
        return new WorkerPresence(
            there.Select(worker => worker.ClusterId).Concat(options.EmbeddedWorkers.Select(worker => worker.ClusterId)).ToHashSet(),
            there,
            workers,
            names.DistinctBy(cluster => cluster.ObjectId).ToDictionary(cluster => cluster.ObjectId, cluster => cluster.Name));
    }

    /// <summary>The same, or what it was a few seconds ago: for what many jobs ask every second. Nothing that is admitted or begun goes by it.</summary>
    public async Task<WorkerPresence> LookLatelyAsync(ServerDbContext context, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_last is { } last && now - last.At < Lately)
        {
            return last.Presence;
        }

        var presence = await LookAsync(context, cancellationToken);
        _last = new LookedAt(now, presence);
        return presence;
    }

    /// <summary>For a step before it makes anything on the manager.</summary>
    /// <exception cref="WorkerMissingException">Nobody fills one of these now.</exception>
    public async Task RequireAsync(ServerDbContext context, string what, IEnumerable<WorkerNeed> needs, CancellationToken cancellationToken)
    {
        if ((await LookAsync(context, cancellationToken)).ExplainUnmanned(needs) is { } nobody)
        {
            throw new WorkerMissingException($"{what}: {nobody}.");
        }
    }

    /// <summary>The cluster that was named; else the VM's own if it has workers now; else any that has.</summary>
    /// <exception cref="OperatorException">The name fits no cluster, or none can be found without one.</exception>
    public async Task<Guid> ChooseAsync(ServerDbContext context, RestorePoint point, string text, CancellationToken cancellationToken)
    {
        if (text.Length > 0)
        {
            var clusters = await context.Inventory.AsNoTracking().Where(item => item.Kind == InventoryKind.Cluster)
                .Select(item => new { item.Name, item.ObjectId }).Distinct().ToListAsync(cancellationToken);
            return NameLookup.Resolve(clusters, "cluster", "cluster", text, row => row.Name, row => row.ObjectId).ObjectId;
        }

        var since = time.GetUtcNow() - WorkerIsAway;
        var manned = await context.Workers.AsNoTracking().Where(worker => worker.LastSeen > since).Select(worker => worker.ClusterId).Distinct().ToListAsync(cancellationToken);
        if (point.ClusterId is { } own && (manned.Count == 0 || manned.Contains(own)))
        {
            return own;
        }

        return manned.Count > 0
            ? manned.Order().First()
            : throw OperatorException.Invalid("cluster", "", "no worker is there now, and the VM's cluster is not known: name the cluster whose workers shall do it.");
    }

    private sealed record LookedAt(DateTimeOffset At, WorkerPresence Presence);
}
