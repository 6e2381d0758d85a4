// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Admin.V1;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Server.Repositories;
using OvirtDistributed.Simulator;
using OvirtDistributed.Tests.Server.Site;
using OvirtDistributed.Tests.Server.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;
using Task = System.Threading.Tasks.Task;

namespace OvirtDistributed.Tests.Server.Repositories;

[Collection(PostgresTests.Name)]
public sealed class RepositoryRemovalTests(PostgresServer postgres)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task JobsOrPointsInIt_ItStaysUntilTheyAreDoneAndForgotten()
    {
        await using var site = await TestSite.StartAsync(postgres).WithinDeadline();
        var registry = site.Get<RepositoryRegistry>();
        var job = await site.BackUpAsync(site.AddVm("vm").Name);

        await RefusedAsync(registry, forgetPoints: true, $"running job(s), the first is {job}");
        await site.RunToEndAsync(job).WithinDeadline();
        await RefusedAsync(registry, forgetPoints: false, "1 restore point(s)");

        Assert.Equal(1, (await registry.RemoveAsync("repository", forgetPoints: true, TestSite.Token).WithinDeadline())!.Value.Points);
        Assert.Null(await registry.RemoveAsync("repository", forgetPoints: true, TestSite.Token).WithinDeadline());
        await using var context = site.Database();
        Assert.Empty(context.RestorePoints);
        Assert.Single(context.RepositoryKeys);
    }

    [Fact]
    public async Task RemovedAndAddedAgain_PointsAreBackAndTheNextBackupBuildsOnThem()
    {
        await using var site = await ServerSite.StartAsync(postgres, SimulatorModel.Small).WithinDeadline(Limit);
        var first = await site.EndOfAsync(await site.BackUpAsync("web")).WithinDeadline(Limit);
        Assert.True(first.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(first));

        var removed = await site.Repositories.RemoveRepositoryAsync(new RemoveRepositoryRequest { Repository = "main", ForgetPoints = true }, cancellationToken: TestSite.Token);
        Assert.Equal((true, 1L), (removed.Removed, removed.Points));
        Assert.Empty((await site.Repositories.ListRepositoriesAsync(new ListRepositoriesRequest(), cancellationToken: TestSite.Token)).Repositories);
        Assert.Empty((await site.Points.ListPointsAsync(new ListPointsRequest(), cancellationToken: TestSite.Token)).Points);

        var added = await site.Repositories.AddRepositoryAsync(
            new AddRepositoryRequest { Name = "again", MoverAddress = removed.Repository.MoverAddress, MoverRepository = "main" }, cancellationToken: TestSite.Token);

        Assert.Equal((removed.Repository.Id, true, 1L), (added.Repository.Id, added.Repository.KeyHeld, added.Repository.Points));
        Assert.Equal(first.PointId, Assert.Single((await site.Points.ListPointsAsync(new ListPointsRequest(), cancellationToken: TestSite.Token)).Points).Id);
        var second = await site.EndOfAsync(await site.BackUpAsync("web")).WithinDeadline(Limit);
        Assert.True(second.Outcome == JobOutcome.Succeeded, await site.ExplainAsync(second));
        Assert.Equal("incremental", second.Mode);
    }

    private static async Task RefusedAsync(RepositoryRegistry registry, bool forgetPoints, string reason)
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => registry.RemoveAsync("repository", forgetPoints, TestSite.Token)).WithinDeadline();
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }
}
