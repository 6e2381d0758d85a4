// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;

namespace OvirtDistributed.Server.Workers;

/// <summary>The workers that have reported.</summary>
internal sealed class WorkerRegistry(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    /// <summary>Adds or replaces a worker. Idempotent.</summary>
    public async Task RegisterAsync(StoredWorker worker, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        worker.Registered = time.GetUtcNow();
        worker.LastSeen = worker.Registered;
        if (await context.Workers.AnyAsync(row => row.Id == worker.Id, cancellationToken))
        {
            context.Workers.Update(worker);
        }
        else
        {
            context.Workers.Add(worker);
        }

        await context.SaveChangesAsync(cancellationToken);
    }

    /// <summary>Notes that the worker lives; false when it is not known.</summary>
    public async Task<bool> SeenAsync(string workerId, int freeSlots, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var now = time.GetUtcNow();
        return await context.Workers.Where(worker => worker.Id == workerId).ExecuteUpdateAsync(
            set => set.SetProperty(worker => worker.LastSeen, now).SetProperty(worker => worker.FreeSlots, freeSlots), cancellationToken) > 0;
    }

    /// <summary>Whether a manager's inventory has the cluster. Work is offered to clusters of managers only: a worker of another one waits for ever.</summary>
    public async Task<bool> IsClusterKnownAsync(Guid clusterId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Inventory.AnyAsync(item => item.Kind == InventoryKind.Cluster && item.ObjectId == clusterId, cancellationToken);
    }

    public async Task<bool> IsKnownAsync(string workerId, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        return await context.Workers.AnyAsync(worker => worker.Id == workerId, cancellationToken);
    }
}
