// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Managers;

namespace OvirtDistributed.Server.Inventory;

/// <summary>What the managers hold, as last read.</summary>
internal sealed class InventoryCatalog(IDbContextFactory<ServerDbContext> contexts, TimeProvider time)
{
    public async Task<T?> FindAsync<T>(Guid managerId, InventoryKind kind, Guid objectId, CancellationToken cancellationToken)
        where T : class
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var document = await context.Inventory.AsNoTracking()
            .Where(item => item.ManagerId == managerId && item.Kind == kind && item.ObjectId == objectId)
            .Select(item => item.Document)
            .FirstOrDefaultAsync(cancellationToken);
        return document is null ? null : JsonSerializer.Deserialize<T>(document, JsonColumn.Options);
    }

    /// <summary>By name.</summary>
    public async Task<IReadOnlyList<T>> ListAsync<T>(Guid managerId, InventoryKind kind, CancellationToken cancellationToken)
        where T : class
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        var documents = await context.Inventory.AsNoTracking()
            .Where(item => item.ManagerId == managerId && item.Kind == kind)
            .OrderBy(item => item.Name)
            .Select(item => item.Document)
            .ToListAsync(cancellationToken);
        return [.. documents.Select(document => JsonSerializer.Deserialize<T>(document, JsonColumn.Options)!)];
    }

    /// <summary>
    /// Replaces a manager's inventory in one transaction: readers see the old or the new one. Two at the same time (the round, an operator's
    /// refresh) come one after the other. Nothing happens when the manager was removed meanwhile.
    /// </summary>
    public async Task ReplaceAsync(Guid managerId, EngineInventory inventory, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await using var transaction = await context.Database.BeginTransactionAsync(cancellationToken);
        var now = time.GetUtcNow();

        // First, because it locks the manager's row until the end: who comes second sees what the first one wrote.
        var known = await context.Managers.Where(manager => manager.Id == managerId)
            .ExecuteUpdateAsync(set => set.SetProperty(manager => manager.InventoryRead, now), cancellationToken);
        if (known == 0)
        {
            return;
        }

        var fresh = Rows(managerId, inventory, now).ToDictionary(row => (row.Kind, row.ObjectId));
        var stored = await context.Inventory.Where(item => item.ManagerId == managerId).ToListAsync(cancellationToken);
        foreach (var row in stored)
        {
            if (!fresh.Remove((row.Kind, row.ObjectId), out var update))
            {
                context.Inventory.Remove(row);
                continue;
            }

            row.Name = update.Name;
            row.Document = update.Document;
            row.Read = now;
        }

        context.Inventory.AddRange(fresh.Values);
        await context.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    private static IEnumerable<InventoryObject> Rows(Guid managerId, EngineInventory inventory, DateTimeOffset now)
    {
        InventoryObject Row<T>(InventoryKind kind, Guid id, string name, T item) => new()
        {
            ManagerId = managerId,
            Kind = kind,
            ObjectId = id,
            Name = name,
            Document = JsonSerializer.Serialize(item, JsonColumn.Options),
            Read = now,
        };

        return
        [
            .. inventory.DataCenters.Select(item => Row(InventoryKind.DataCenter, item.Id, item.Name, item)),
            .. inventory.Clusters.Select(item => Row(InventoryKind.Cluster, item.Id, item.Name, item)),
            .. inventory.Hosts.Select(item => Row(InventoryKind.Host, item.Id, item.Name, item)),
            .. inventory.StorageDomains.Select(item => Row(InventoryKind.StorageDomain, item.Id, item.Name, item)),
            .. inventory.Networks.Select(item => Row(InventoryKind.Network, item.Id, item.Name, item)),
            .. inventory.VnicProfiles.Select(item => Row(InventoryKind.VnicProfile, item.Id, item.Name, item)),
            .. inventory.Tags.Select(item => Row(InventoryKind.Tag, item.Id, item.Name, item)),
            .. inventory.Vms.Select(item => Row(InventoryKind.Vm, item.Id, item.Name, item)),
        ];
    }
}
