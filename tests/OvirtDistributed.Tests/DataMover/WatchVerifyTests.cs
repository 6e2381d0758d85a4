// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.DataMover;

public sealed class WatchVerifyTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Verification_EndsWithItsResultAndAllBytesCounted()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var root = await site.BackUpAsync(MoverScript.MakeDisk(seed: 51, 3 << 20));
        await site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root)));

        var steps = await WatchAsync(site, "point-1");

        Assert.True(steps[^1].Result.Healthy);
        Assert.Equal(steps[^1].Result.CheckedBytes, steps[^1].CheckedBytes);
        Assert.All(steps.SkipLast(1), step => Assert.Null(step.Result));
        Assert.Equal(steps.Select(step => step.CheckedBytes).Order(), steps.Select(step => step.CheckedBytes));
        var failure = await Assert.ThrowsAsync<RpcException>(() => WatchAsync(site, "point-9"));
        Assert.Equal(StatusCode.NotFound, failure.StatusCode);
    }

    private static async Task<List<WatchVerifyPointResponse>> WatchAsync(MoverSite site, string point)
    {
        using var call = site.Control.WatchVerifyPoint(new WatchVerifyPointRequest { Repository = MoverSite.Main, PointId = point }, cancellationToken: Cancel);
        var steps = new List<WatchVerifyPointResponse>();
        while (await call.ResponseStream.MoveNext(Cancel).WithinDeadline())
        {
            steps.Add(call.ResponseStream.Current);
        }

        return steps;
    }
}
