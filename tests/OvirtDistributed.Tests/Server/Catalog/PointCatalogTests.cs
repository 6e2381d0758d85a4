// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Server.Catalog;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Catalog;

[Collection(PostgresTests.Name)]
public sealed class PointCatalogTests(PostgresServer postgres)
{
    [Fact]
    public async Task ManifestCannotBeRead_KnownPointStaysListed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var first = (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
        var second = (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
        site.Mover.Unreadable.Add(first);
        await using var context = site.Database();
        var repository = await context.Repositories.AsNoTracking().SingleAsync(TestSite.Token);

        var read = await site.Get<PointCatalog>().RebuildAsync(repository, TestSite.Token).WithinDeadline();

        Assert.Equal(1, read);
        var listed = await context.RestorePoints.AsNoTracking().Select(point => point.Id).ToListAsync(TestSite.Token);
        Assert.Equal(new[] { first, second }.Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task PointIsGoneFromTheRepository_IsListedNoMore()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();
        site.Mover.PointsByJob.Remove(job.Id);
        await using var context = site.Database();
        var repository = await context.Repositories.AsNoTracking().SingleAsync(TestSite.Token);

        await site.Get<PointCatalog>().RebuildAsync(repository, TestSite.Token).WithinDeadline();

        Assert.Empty(await context.RestorePoints.AsNoTracking().ToListAsync(TestSite.Token));
    }

    [Fact]
    public async Task BackupCommitted_FiguresOfTheRepositoryAreRefreshed()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();

        await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();

        await using var context = site.Database();
        var repository = await context.Repositories.AsNoTracking().SingleAsync(TestSite.Token);
        Assert.Equal((1L, 1000L), (repository.Points, repository.FreeBytes));
    }
}
