// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

public sealed class PageRecordTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task PagesAreFinishedWhileTheRecorderPauses_BackupEndsWithoutWaitingForThePause()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(200 * MiB);
        image.Fill(0, 190 * MiB, seed: 1);
        await using var server = await ImageServer.StartAsync(image);

        // A clock that stands still: the pause after the first record never ends by itself.
        var worker = site.NewWorker(time: new ManualTimeProvider());
        var (result, _) = await site.RunAsync(site.BackupOrder(server), worker);

        Assert.Equal(image.Size, result.Root.SizeBytes);
    }
}
