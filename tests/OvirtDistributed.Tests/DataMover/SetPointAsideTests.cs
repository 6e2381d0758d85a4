// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class SetPointAsideTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DamagedManifest_IsNamedInTheStatusUntilItIsSetAside()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var root = await site.BackUpAsync(MoverScript.MakeDisk(seed: 32, 3 << 20));
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));
        var whole = await ListedAsync(site);
        Assert.Equal("", whole.Problem);
        await using (var manifest = new FileStream(Path.Combine(site.RepositoryPath, whole.Path), FileMode.Open))
        {
            manifest.SetLength(50);
        }

        Assert.NotEqual("", (await ListedAsync(site)).Problem);
        Assert.Contains(whole.Path, Assert.Single((await CollectAsync(site)).Problems), StringComparison.Ordinal);
        var status = await StatusAsync(site);
        Assert.NotNull(status.Collected);
        Assert.Contains(whole.Path, Assert.Single(status.CollectionProblems), StringComparison.Ordinal);

        var moved = await SetAsideAsync(site, whole.Path);

        Assert.True(moved.Moved);
        Assert.Equal(50, new FileInfo(Path.Combine(site.RepositoryPath, moved.MovedTo)).Length);
        Assert.False((await SetAsideAsync(site, whole.Path)).Moved);
        Assert.Empty((await StatusAsync(site)).CollectionProblems);
        Assert.Empty((await CollectAsync(site)).Problems);
        Assert.Equal(0, (await StatusAsync(site)).Points);
    }

    [Fact]
    public async Task ManifestGoneBehindItsBack_IsListedWithThat()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var root = await site.BackUpAsync(MoverScript.MakeDisk(seed: 33, 1 << 20));
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));
        File.Delete(Path.Combine(site.RepositoryPath, (await ListedAsync(site)).Path));

        Assert.Contains("gone", (await ListedAsync(site)).Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("repo.json")]
    [InlineData("points/manager-1/vm-1/../../../repo.json")]
    [InlineData("")]
    public async Task AnotherFile_IsNoManifest(string path)
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => SetAsideAsync(site, path));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
    }

    private static async Task<SetPointAsideResponse> SetAsideAsync(MoverSite site, string path) => await site.Control.SetPointAsideAsync(
        new SetPointAsideRequest { Repository = MoverSite.Main, Path = path }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    private static async Task<RepositoryStatus> StatusAsync(MoverSite site) => Assert.Single(
        (await site.Control.GetStatusAsync(new GetStatusRequest(), cancellationToken: Cancel).ResponseAsync.WithinDeadline()).Repositories);

    private static async Task<GarbageReport> CollectAsync(MoverSite site)
    {
        using var call = site.Control.CollectGarbage(new CollectGarbageRequest { Repository = MoverSite.Main }, cancellationToken: Cancel);
        GarbageReport? report = null;
        while (await call.ResponseStream.MoveNext(Cancel).WithinDeadline())
        {
            report = call.ResponseStream.Current.Report ?? report;
        }

        return report!;
    }

    private static async Task<ListPointsResponse> ListedAsync(MoverSite site)
    {
        using var call = site.Control.ListPoints(new ListPointsRequest { Repository = MoverSite.Main }, cancellationToken: Cancel);
        Assert.True(await call.ResponseStream.MoveNext(Cancel).WithinDeadline());
        return call.ResponseStream.Current;
    }
}
