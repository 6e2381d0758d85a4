// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.EndToEnd.Sites;
using Xunit;
using static OvirtDistributed.EndToEnd.Sites.Models;

namespace OvirtDistributed.EndToEnd.Maintenance;

/// <summary>A byte of an encrypted repository changes on the disk: it is found, named, healed by the next backup, and gone for good.</summary>
public sealed class VerificationTests(SharedServers servers, ITestOutputHelper output)
{
    [Fact]
    public async Task DamagedPoint_IsFoundByAWorkerAndHealedByTheNextBackup()
    {
        await using var site = await TestSite.StartAsync(servers, OneCluster(Running("web", Disk(96, filled: 0.8))), output);
        var reference = await site.SaveReferenceAsync("web");
        var first = await site.BackUpAsync("web");
        Assert.Contains("succeeded", await site.OvdAsync("point", "verify", first.PointId, "--content", "--wait"), StringComparison.Ordinal);

        Damage(site);
        var found = await Assert.ThrowsAsync<InvalidOperationException>(() => site.OvdAsync("point", "verify", first.PointId, "--content", "--wait"));
        Assert.Contains("bytes cannot be restored, at", found.Message, StringComparison.Ordinal);
        Assert.Contains("warning", found.Message, StringComparison.Ordinal);

        var second = await site.BackUpAsync("web");
        Assert.Equal("incremental", second.Mode);
        Assert.Contains("succeeded", await site.OvdAsync("point", "verify", first.PointId, "--content", "--wait"), StringComparison.Ordinal);
        await site.RestoresToAsync(first, reference);
        await site.RestoresToAsync(second, reference);
        await site.FinishAsync();
    }

    private static void Damage(TestSite site)
    {
        var pack = new DirectoryInfo(Path.Combine(site.Lab.RepositoryDirectory, "packs")).EnumerateFiles("*.pack", SearchOption.AllDirectories).MaxBy(file => file.Length)!;
        using var file = pack.Open(FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Position = file.Length / 2;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 0x40));
    }
}
