// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Ovirt.ImageIo;
using OvirtDistributed.Tests.Shared;
using OvirtDistributed.Worker.Execution;
using OvirtDistributed.Worker.Pipeline;
using OvirtDistributed.Worker.Restore;
using OvirtDistributed.Worker.Transports.ImageIo;
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
        var worker = new TaskExecutor(
            "worker-1",
            new ImageIoConnector(site.Options, TimeProvider.System, NullLogger<ImageIoClient>.Instance),
            new DiskBackup(site.Options, new BufferPool(16), tls: null, new ManualTimeProvider(), NullLogger<DiskBackup>.Instance),
            new DiskRestore(site.Options, tls: null, TimeProvider.System, NullLogger<DiskRestore>.Instance));
        var (result, _) = await site.RunAsync(site.BackupOrder(server), worker);

        Assert.Equal(image.Size, result.Root.SizeBytes);
    }
}
