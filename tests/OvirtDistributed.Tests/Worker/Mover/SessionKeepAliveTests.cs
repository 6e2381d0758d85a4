// SPDX-License-Identifier: Apache-2.0

using System.Threading.Channels;
using Grpc.Core;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Mover;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Mover;

public sealed class SessionKeepAliveTests
{
    [Fact]
    public async Task SessionIsIdle_TouchedThriceWithinItsTimeoutAlsoAfterAFailure()
    {
        var time = new ManualTimeProvider();
        var touches = Channel.CreateUnbounded<int>();
        var count = 0;
        await using (SessionKeepAlive.Start(
            _ =>
            {
                touches.Writer.TryWrite(++count);
                return count == 1 ? throw new RpcException(new Status(StatusCode.Unavailable, "scripted")) : Task.CompletedTask;
            },
            idleTimeoutSeconds: 900,
            time))
        {
            for (var touch = 1; touch <= 3; touch++)
            {
                await time.WaitForTimersAsync(1, CancellationToken.None).WithinDeadline();
                time.Advance(TimeSpan.FromSeconds(300));
                Assert.Equal(touch, await touches.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WithinDeadline());
            }
        }

        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(3, count);
    }
}
