// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>Runs alone: what it measures belongs to the whole process.</summary>
[Collection(AloneCollection.Name)]
public sealed class HugeDiskTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public async Task HugeSparseDisk_MemoryFollowsTheConfigurationNotTheDisk()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(4L << 40);
        for (var i = 0; i < 64; i++)
        {
            image.Fill((i * 65_000L * MiB) + (i * 4096), 300_000, seed: i);
        }

        await using var server = await ImageServer.StartAsync(image);
        var order = site.BackupOrder(server);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        var (result, statistics) = await site.RunAsync(order);
        var allocated = GC.GetTotalAllocatedBytes(precise: true) - before;

        // Data Mover and image server run in this process too; a byte for each 4 KiB of the disk would already be 1 GiB.
        Assert.True(allocated < 512L * MiB, $"{allocated / MiB} MiB were allocated");
        Assert.Equal(image.AllocatedBytes, statistics.ReadBytes);
        var point = await site.CommitAsync(order, result);
        await using var target = await ImageServer.StartAsync(new SparseImage(image.Size));
        var restore = site.RestoreOrder(target, point);
        restore.Restore.VerifyChecksum = false;
        await site.RunAsync(restore);
        Assert.Equal(-1, image.FirstDifference(target.Image));
    }
}
