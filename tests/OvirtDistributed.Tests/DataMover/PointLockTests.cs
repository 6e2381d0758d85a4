// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.DataMover.Commands;
using OvirtDistributed.Hosting.Errors;
using OvirtDistributed.Hosting.Grpc;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class PointLockTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task RepositoryWithLockDays_PointsAreBornLocked()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync(new() { ["DataMover:Repositories:main:LockDays"] = "30" });
        var before = TimeProvider.System.GetUtcNow();

        var committed = await BackUpAsync(site);

        Assert.InRange(committed.LockedUntil.ToDateTimeOffset(), before + TimeSpan.FromDays(30), before + TimeSpan.FromDays(31));
        Assert.Equal(committed.LockedUntil, (await ListedAsync(site)).LockedUntil);
        var failure = await Assert.ThrowsAsync<RpcException>(() => RemoveAsync(site));
        Assert.Equal((StatusCode.FailedPrecondition, "point-locked"), (failure.StatusCode, FailureStatus.ReasonOf(failure)));
        Assert.Equal("point-1", (await ListedAsync(site)).PointId);
    }

    [Fact]
    public async Task LockedByCall_IsNotRemovedAndALockInTheOtherDirectionChangesNothing()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        Assert.Null((await BackUpAsync(site)).LockedUntil);

        var first = await LockAsync(site, seconds: 86_400);
        Assert.Equal(first, await LockAsync(site, seconds: 60));

        var failure = await Assert.ThrowsAsync<RpcException>(() => RemoveAsync(site));
        Assert.Equal("point-locked", FailureStatus.ReasonOf(failure));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    [InlineData(long.MaxValue)]
    public async Task LockOfNoUse_IsRefusedNamingTheField(long seconds)
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        await BackUpAsync(site);
        var failure = await Assert.ThrowsAsync<RpcException>(() => LockAsync(site, seconds));
        Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        Assert.Contains("seconds", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AcceptClock_WorksOnAStoppedRepositoryOnly()
    {
        using var directory = new TemporaryDirectory();
        using var output = new StringWriter();
        await using (var site = await MoverSite.StartAsync(directory, ownsDirectory: false))
        {
            await site.Control.CreateRepositoryAsync(new CreateRepositoryRequest { Name = MoverSite.Main }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();
            var refused = await Assert.ThrowsAsync<OperatorException>(
                () => AcceptClockCommand.RunAsync(["--path", site.RepositoryPath], output, TimeProvider.System, Cancel).WithinDeadline());
            Assert.Contains("another process has the repository open", refused.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, await AcceptClockCommand.RunAsync(["--path", directory.File(MoverSite.Main)], output, TimeProvider.System, Cancel).WithinDeadline());
        Assert.StartsWith("Accepted: ", output.ToString(), StringComparison.Ordinal);
        var missing = await Assert.ThrowsAsync<OperatorException>(
            () => AcceptClockCommand.RunAsync(["--path", directory.File("nothing")], output, TimeProvider.System, Cancel).WithinDeadline());
        Assert.Contains("--path", missing.Message, StringComparison.Ordinal);
    }

    private static async Task<CommitResponse> BackUpAsync(MoverSite site)
    {
        var root = await site.BackUpAsync(MoverScript.MakeDisk(seed: 31, 3 << 20));
        return await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));
    }

    private static async Task<DateTimeOffset> LockAsync(MoverSite site, long seconds) => (await site.Control.LockPointAsync(
        new LockPointRequest { Repository = MoverSite.Main, PointId = "point-1", Seconds = seconds }, cancellationToken: Cancel)
        .ResponseAsync.WithinDeadline()).LockedUntil.ToDateTimeOffset();

    private static Task RemoveAsync(MoverSite site) => site.Control.RemovePointAsync(
        new RemovePointRequest { Repository = MoverSite.Main, PointId = "point-1" }, cancellationToken: Cancel).ResponseAsync.WithinDeadline();

    private static async Task<ListPointsResponse> ListedAsync(MoverSite site)
    {
        using var call = site.Control.ListPoints(new ListPointsRequest { Repository = MoverSite.Main }, cancellationToken: Cancel);
        Assert.True(await call.ResponseStream.MoveNext(Cancel).WithinDeadline());
        return call.ResponseStream.Current;
    }
}
