// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Admin;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;

namespace OvirtDistributed.Server.Jobs;

/// <summary>Whose workers do what needs no access to a cluster's storage.</summary>
internal sealed class WorkerClusters(TimeProvider time)
{
    // A worker that was not heard of for longer takes no offer now.
    private static readonly TimeSpan WorkerIsAway = TimeSpan.FromMinutes(2);

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
}
