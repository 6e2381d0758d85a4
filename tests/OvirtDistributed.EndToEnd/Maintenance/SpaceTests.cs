// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.EndToEnd.Sites;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Maintenance;

/// <summary>The life of a repository: points go, their space comes back, the others stay whole.</summary>
public sealed class SpaceTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task PointsAreRemoved_TheirSpaceIsFreeAndTheLastPointRestoresBitForBit()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output, options => options with
        {
            DataMoverSettings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["DataMover:Repositories:main:GarbageCollection:Grace"] = "00:00:00",
            },
        });
        var disk = (await site.VmAsync("web")).DiskIds[0];
        var full = await site.BackUpAsync("web");
        await RewriteAsync(site, disk, seed: 100);
        var between = await site.BackUpAsync("web");
        await RewriteAsync(site, disk, seed: 200);
        var incremental = await site.BackUpAsync("web");
        Assert.Equal("incremental", incremental.Mode);
        var reference = await site.SaveReferenceAsync("web");
        Assert.Contains("is whole", await site.OvdAsync("point", "verify", incremental.PointId), StringComparison.Ordinal);
        var before = PackBytes(site);

        _ = await site.OvdAsync("point", "remove", full.PointId);
        _ = await site.OvdAsync("point", "remove", between.PointId);
        var last = await Assert.ThrowsAsync<InvalidOperationException>(() => site.OvdAsync("point", "remove", incremental.PointId));
        Assert.Contains("--last", last.Message, StringComparison.Ordinal);
        Assert.Contains("would be", await site.OvdAsync("repository", "gc", "main", "--dry-run"), StringComparison.Ordinal);
        Assert.Equal(before, PackBytes(site));

        var collected = await site.OvdAsync("repository", "gc", "main");
        output.WriteLine(collected);
        Assert.Contains("are free again", collected, StringComparison.Ordinal);
        Assert.True(PackBytes(site) < before - (24 * MiB), $"{before} bytes before, {PackBytes(site)} after:{Environment.NewLine}{collected}");

        await site.RestoresToAsync(incremental, reference);
        var next = await site.BackUpAsync("web");
        Assert.Equal("incremental", next.Mode);
        await site.RestoresToAsync(next, reference);
        await site.FinishAsync();
    }

    private static async Task RewriteAsync(TestSite site, Guid disk, int seed)
    {
        for (var round = 0; round < 12; round++)
        {
            await site.Engine.GuestWriteAsync(disk, round * 6 * MiB, Noise(seed + round, (int)(5 * MiB)), CancellationToken.None);
        }
    }

    private static byte[] Noise(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    private static long PackBytes(TestSite site) => new DirectoryInfo(Path.Combine(site.Lab.RepositoryDirectory, "packs"))
        .EnumerateFiles("*.pack", SearchOption.AllDirectories).Sum(file => file.Length);
}
