// SPDX-License-Identifier: Apache-2.0

using Microsoft.AspNetCore.Http;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

public sealed class TransferFailureTests
{
    private const int MiB = 1 << 20;

    [Theory]
    [InlineData(403, FailureCode.TransferEnded)]
    [InlineData(500, FailureCode.SourceFailed)]
    public async Task SourceRefusesInTheMiddle_CodeSaysWhoseFault(int status, FailureCode expected)
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(60));
        var fired = 0;
        server.Intercept = (context, count) => Task.FromResult(IsRead(context) && count >= 10 ? Count(ref fired, status) : 0);

        var failure = await Failures.OfAsync(site.RunAsync(site.BackupOrder(server)));

        Assert.True(fired > 0);
        Assert.Equal(expected, failure.Code);
        await Deadline.UntilAsync(() => Task.FromResult(server.OpenConnections == 0), "all connections to the transfer are closed");
    }

    [Fact]
    public async Task SourceBreaksOneConnection_BackupGoesOn()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(40));
        var fired = 0;
        server.Intercept = (context, count) =>
        {
            if (IsRead(context) && count >= 5 && Interlocked.Exchange(ref fired, 1) == 0)
            {
                context.Abort();
                context.RequestAborted.ThrowIfCancellationRequested();
            }

            return Task.FromResult(0);
        };

        var order = site.BackupOrder(server);
        var (result, _) = await site.RunAsync(order);

        Assert.Equal(1, fired);
        var point = await site.CommitAsync(order, result);
        Assert.Equal(-1, server.Image.FirstDifference(await site.RestoreAsync(point, server.Image.Size)));
    }

    [Fact]
    public async Task SourceHasNoDirtyExtents_CodeAsksForAFullRead()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage(20);
        var (point, _) = await site.BackUpAsync(image);
        await using var server = await ImageServer.StartWithoutDirtyExtentsAsync(image);

        var failure = await Failures.OfAsync(site.RunAsync(site.BackupOrder(server, basePoint: point, engineBackup: "backup-2")));

        Assert.Equal(FailureCode.DirtyExtentsUnavailable, failure.Code);
    }

    [Fact]
    public async Task MoverStopsInTheMiddle_CodeIsMoverUnavailable()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(60));
        var stopped = new Lazy<Task>(site.StopMoverAsync);
        server.Intercept = async (context, count) =>
        {
            if (IsRead(context) && count >= 10)
            {
                await stopped.Value;
            }

            return 0;
        };

        var failure = await Failures.OfAsync(site.RunAsync(site.BackupOrder(server)));

        Assert.True(stopped.IsValueCreated);
        Assert.Equal(FailureCode.MoverUnavailable, failure.Code);
    }

    [Fact]
    public async Task HigherTokenAppears_CodeIsFenced()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(60));
        var order = site.BackupOrder(server);
        var fenced = new Lazy<Task>(() => site.FenceAsync(order.TaskId, 2));
        server.Intercept = async (context, count) =>
        {
            if (IsRead(context) && count >= 10)
            {
                await fenced.Value;
            }

            return 0;
        };

        var failure = await Failures.OfAsync(site.RunAsync(order));

        Assert.True(fenced.IsValueCreated);
        Assert.Equal(FailureCode.Fenced, failure.Code);
    }

    [Fact]
    public async Task WorkIsCancelled_EndsWithAllConnectionsClosed()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(60));
        using var cancel = new CancellationTokenSource();
        server.Intercept = async (context, count) =>
        {
            if (IsRead(context) && count >= 8)
            {
                await cancel.CancelAsync();
                await context.WaitForClientToCloseAsync();
            }

            return 0;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => site.RunUntilAsync(site.BackupOrder(server), site.NewWorker(), cancel.Token));

        await Deadline.UntilAsync(() => Task.FromResult(server.OpenConnections == 0), "all connections to the transfer are closed");
    }

    [Fact]
    public async Task AttemptFails_AnotherWorkerContinuesFromWhatIsDurable()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage(160);
        var task = site.NewTask();
        await using (var first = await ImageServer.StartAsync(image))
        {
            // The source stalls after 100 MiB until pages are journaled, then it dies.
            var died = 0;
            first.Intercept = async (context, count) =>
            {
                if (IsRead(context) && first.Reads.Sum(read => read.Length) >= 100 * MiB)
                {
                    await Deadline.UntilAsync(() => Task.FromResult(site.CountJournaledPages(task) >= 3), "pages are journaled");
                    return Count(ref died, 500);
                }

                return 0;
            };
            await Failures.OfAsync(site.RunAsync(site.BackupOrder(first, task), site.NewWorker("worker-1")));
            Assert.True(died > 0);
        }

        await using var second = await ImageServer.StartAsync(image);
        var order = site.BackupOrder(second, task, token: 2);
        var (result, statistics) = await site.RunAsync(order, site.NewWorker("worker-2"));

        Assert.True(statistics.ResumedBytes >= 3 * 16 * MiB, $"{statistics.ResumedBytes} bytes were resumed");
        Assert.Equal(image.AllocatedBytes, statistics.ReadBytes + statistics.ResumedBytes);
        Assert.Equal(statistics.ReadBytes, second.Reads.Sum(read => read.Length));
        var point = await site.CommitAsync(order, result);
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
    }

    [Fact]
    public async Task AttemptWithAnotherEngineBackup_ReadsEverythingAgain()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage(60);
        var task = site.NewTask();
        await using var server = await ImageServer.StartAsync(image);
        await site.RunAsync(site.BackupOrder(server, task));

        var (_, statistics) = await site.RunAsync(site.BackupOrder(server, task, token: 2, engineBackup: "backup-2"));

        // Two points in time never mix; the chunks are known all the same.
        Assert.Equal(0, statistics.ResumedBytes);
        Assert.Equal(image.AllocatedBytes, statistics.ReadBytes);
        Assert.Equal(image.AllocatedBytes, statistics.DeduplicatedBytes);
    }

    [Fact]
    public async Task UnknownTransportMode_CodeIsBadOrder()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(1));
        var order = site.BackupOrder(server);
        order.Backup.TransportMode = "carrier-pigeon";

        var failure = await Failures.OfAsync(site.RunAsync(order));

        Assert.Equal(FailureCode.BadOrder, failure.Code);
        Assert.Contains("carrier-pigeon", failure.Message, StringComparison.Ordinal);
        Assert.Empty(server.Reads);
    }

    [Fact]
    public async Task OrderAndTransferDisagreeOnTheSize_CodeIsBadOrder()
    {
        await using var site = await TransferSite.StartAsync();
        await using var server = await ImageServer.StartAsync(RandomImage(1));
        var order = site.BackupOrder(server);
        order.DiskSizeBytes += 512;

        Assert.Equal(FailureCode.BadOrder, (await Failures.OfAsync(site.RunAsync(order))).Code);
    }

    [Fact]
    public async Task PointIsUnknown_CodeIsBadOrder()
    {
        await using var site = await TransferSite.StartAsync();
        await using var target = await ImageServer.StartAsync(RandomImage(1));

        Assert.Equal(FailureCode.BadOrder, (await Failures.OfAsync(site.RunAsync(site.RestoreOrder(target, "no-such-point")))).Code);
        Assert.Empty(target.Writes);
    }

    [Fact]
    public async Task TargetFailsInTheMiddle_CodeIsTargetFailed()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage(40);
        var (point, _) = await site.BackUpAsync(image);
        await using var target = await ImageServer.StartAsync(new SparseImage(image.Size));
        var fired = 0;
        target.Intercept = (context, count) => Task.FromResult(context.Request.Method == HttpMethods.Put && count >= 3 ? Count(ref fired, 500) : 0);

        var failure = await Failures.OfAsync(site.RunAsync(site.RestoreOrder(target, point)));

        Assert.True(fired > 0);
        Assert.Equal(FailureCode.TargetFailed, failure.Code);
    }

    private static SparseImage RandomImage(int mebibytes)
    {
        var image = new SparseImage((long)mebibytes * MiB);
        for (var i = 0; i < mebibytes; i++)
        {
            image.Fill((long)i * MiB, MiB, seed: i);
        }

        return image;
    }

    private static bool IsRead(HttpContext context) =>
        context.Request.Method == HttpMethods.Get && context.Request.Headers.Range.Count > 0 && context.Request.Headers.Range != "bytes=0-0";

    private static int Count(ref int fired, int status)
    {
        Interlocked.Increment(ref fired);
        return status;
    }
}
