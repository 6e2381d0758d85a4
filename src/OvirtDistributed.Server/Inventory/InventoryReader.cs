// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Jobs;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Server.Outbox;

namespace OvirtDistributed.Server.Inventory;

/// <summary>Reads the inventory of every manager again and again, and keeps their state.</summary>
internal sealed partial class InventoryReader(
    IDbContextFactory<ServerDbContext> contexts, IEngineDirectory engines, InventoryCatalog catalog, IClusterQueues queues, Leadership leadership,
    ServerOptions options, ILogger<InventoryReader> logger) : BackgroundService
{
    /// <summary>Reads one manager now and stores what it holds and how it is.</summary>
    /// <exception cref="EngineException">The manager could not be read; its state was stored.</exception>
    public async Task ReadAsync(Guid managerId, CancellationToken cancellationToken)
    {
        try
        {
            var engine = (await engines.OpenAsync(managerId, cancellationToken)).Engine;
            var product = await engine.ReadProductAsync(cancellationToken);
            var inventory = await engine.ReadInventoryAsync(cancellationToken);
            await catalog.ReplaceAsync(managerId, inventory, cancellationToken);
            await NoteAsync(managerId, ManagerStatus.Connected, "", product, cancellationToken);
            foreach (var cluster in inventory.Clusters)
            {
                await DeclareQueueAsync(cluster, cancellationToken);
            }
        }
        catch (EngineException failure)
        {
            var status = failure.Failure == EngineFailure.Unauthorized ? ManagerStatus.Unauthorized : ManagerStatus.Unreachable;
            await NoteAsync(managerId, status, failure.Message, null, cancellationToken);
            throw;
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        leadership.RunRoundsAsync(options.InventoryInterval, ReadAllAsync, stoppingToken);

    private async Task ReadAllAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var context = await contexts.CreateDbContextAsync(cancellationToken);
            var managers = await context.Managers.AsNoTracking().Select(manager => new { manager.Id, manager.Name }).ToListAsync(cancellationToken);
            foreach (var manager in managers)
            {
                try
                {
                    await ReadAsync(manager.Id, cancellationToken);
                }
                catch (EngineException failure)
                {
                    Log.ManagerUnreadable(logger, manager.Name, failure.Message);
                }
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            Log.RoundFailed(logger, failure);
        }
    }

    private async Task DeclareQueueAsync(EngineCluster cluster, CancellationToken cancellationToken)
    {
        try
        {
            await queues.DeclareAsync(cluster.Id, cancellationToken);
        }
        catch (OfferException failure)
        {
            Log.QueueNotDeclared(logger, cluster.Name, failure.Message);
        }
    }

    private async Task NoteAsync(Guid managerId, ManagerStatus status, string problem, EngineProductInfo? product, CancellationToken cancellationToken)
    {
        await using var context = await contexts.CreateDbContextAsync(cancellationToken);
        await context.Managers.Where(manager => manager.Id == managerId).ExecuteUpdateAsync(
            set => set.SetProperty(manager => manager.Status, status).SetProperty(manager => manager.Problem, problem), cancellationToken);
        if (product is not null)
        {
            await context.Managers.Where(manager => manager.Id == managerId).ExecuteUpdateAsync(
                set => set.SetProperty(manager => manager.Product, product.Product).SetProperty(manager => manager.ProductVersion, product.Version),
                cancellationToken);
        }
    }
}
