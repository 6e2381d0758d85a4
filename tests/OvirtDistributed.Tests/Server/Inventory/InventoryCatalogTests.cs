// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Database;
using OvirtDistributed.Server.Inventory;
using OvirtDistributed.Server.Managers;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Inventory;

[Collection(PostgresTests.Name)]
[Trait("Needs", "Servers")]
public sealed class InventoryCatalogTests(PostgresServer postgres)
{
    [Fact]
    public async Task SeveralReadAtTheSameTime_OneAfterTheOther()
    {
        await using var site = await TestSite.StartAsync(postgres);
        var catalog = site.Get<InventoryCatalog>();
        for (var round = 0; round < 5; round++)
        {
            // New ids each time: every reader finds rows to add and rows to remove.
            var inventory = new EngineInventory { Networks = [.. Enumerable.Range(0, 20).Select(i => new EngineNetwork(Guid.NewGuid(), $"network-{i}", Guid.NewGuid()))] };
            await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => catalog.ReplaceAsync(site.ManagerId, inventory, TestSite.Token))).WithinDeadline();
            Assert.Equal(20, (await catalog.ListAsync<EngineNetwork>(site.ManagerId, InventoryKind.Network, TestSite.Token)).Count);
        }
    }

    [Fact]
    public async Task ManagerRemovedWhileItWasRead_NothingIsStored()
    {
        await using var site = await TestSite.StartAsync(postgres);
        var gone = Guid.NewGuid();
        await site.Get<InventoryCatalog>().ReplaceAsync(gone, new EngineInventory { Networks = [new EngineNetwork(Guid.NewGuid(), "n", Guid.NewGuid())] }, TestSite.Token);
        await using var context = await site.Get<IDbContextFactory<ServerDbContext>>().CreateDbContextAsync(TestSite.Token);
        Assert.False(await context.Inventory.AnyAsync(item => item.ManagerId == gone, TestSite.Token));
    }
}
