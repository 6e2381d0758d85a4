// SPDX-License-Identifier: Apache-2.0

using Microsoft.EntityFrameworkCore;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Server.Retention;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Server.Repositories;

[Collection(PostgresTests.Name)]
public sealed class DamagedPointsTests(PostgresServer postgres)
{
    [Fact]
    public async Task ManifestCannotBeRead_ItIsListedAndSetAside_AndTheCatalogForgetsIt()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var vm = site.AddVm("vm");
        var bad = (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
        var good = (await site.RunToEndAsync(await site.BackUpAsync(vm.Name)).WithinDeadline()).PointId!;
        site.Mover.Unreadable.Add(bad);
        var (points, repository) = (site.Get<DamagedPoints>(), await site.RepositoryAsync());

        var listed = Assert.Single(await points.ListAsync(repository, TestSite.Token).WithinDeadline());
        Assert.Equal((bad, "vm"), (listed.PointId, listed.Known?.VmName));

        var refused = await Assert.ThrowsAsync<OperatorException>(() => points.SetAsideAsync(repository, good, TestSite.Token)).WithinDeadline();
        Assert.Equal(FailureKind.NotFound, refused.Kind);
        await site.Get<PointPins>().PinAsync(bad, "wanted", TestSite.Token).WithinDeadline();
        refused = await Assert.ThrowsAsync<OperatorException>(() => points.SetAsideAsync(repository, bad, TestSite.Token)).WithinDeadline();
        Assert.Contains("ovd point unpin", refused.Message, StringComparison.Ordinal);
        await site.Get<PointPins>().UnpinAsync(bad, TestSite.Token).WithinDeadline();

        var moved = await points.SetAsideAsync(repository, bad[..12], TestSite.Token).WithinDeadline();

        Assert.StartsWith("damaged/", moved.MovedTo, StringComparison.Ordinal);
        Assert.Empty(await points.ListAsync(repository, TestSite.Token).WithinDeadline());
        await using var context = site.Database();
        Assert.Equal(good, (await context.RestorePoints.SingleAsync(TestSite.Token)).Id);
    }

    [Fact]
    public async Task WrittenBySomebodyWithoutTheKey_IsListedToo()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var job = await site.RunToEndAsync(await site.BackUpAsync(site.AddVm("vm").Name)).WithinDeadline();
        var manifest = site.Mover.Read(site.Mover.PointsByJob[job.Id]);
        var foreign = ManifestCodec.Write(manifest, ContentKeys.Of(RepositoryKey.Generate()));
        site.Mover.Keys = ContentKeys.Opaque;
        site.Mover.PointsByJob[job.Id] = foreign;

        var listed = Assert.Single(await site.Get<DamagedPoints>().ListAsync(await site.RepositoryAsync(), TestSite.Token).WithinDeadline());

        Assert.True(listed.IsUnauthentic);
        Assert.Contains("authentication code", listed.Problem, StringComparison.Ordinal);
    }
}
