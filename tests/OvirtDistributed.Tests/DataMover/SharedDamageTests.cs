// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Tests.Shared;
using Xunit;
using DiskRoot = OvirtDistributed.Repository.Maps.DiskRoot;

namespace OvirtDistributed.Tests.DataMover;

public sealed class SharedDamageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task DamageFoundInOnePoint_IsKnownOfTheOthersThatUseIt()
    {
        await using var site = await MoverSite.StartWithRepositoryAsync();
        var disk = MoverScript.MakeDisk(seed: 41, 3 << 20);
        await CommitAsync(site, await site.BackUpAsync(disk), 1);
        await CommitAsync(site, await site.BackUpAsync(disk, Order(disk, 2)), 2);
        var other = MoverScript.MakeDisk(seed: 42, 1 << 20);
        await CommitAsync(site, await site.BackUpAsync(other, Order(other, 3)), 3);
        Assert.Empty(await FindAsync(site, "point-2"));
        Spoil(site);

        var verified = await site.Control.VerifyPointAsync(new VerifyPointRequest { Repository = MoverSite.Main, PointId = "point-1" }, cancellationToken: Cancel)
            .ResponseAsync.WithinDeadline();

        Assert.False(verified.Healthy);
        Assert.Equal(verified.Disks.Select(damaged => damaged.Ranges), (await FindAsync(site, "point-2")).Select(damaged => damaged.Ranges));
        Assert.Empty(await FindAsync(site, "point-3"));
    }

    private static async Task<IReadOnlyList<DamagedDisk>> FindAsync(MoverSite site, string point) => (await site.Control.FindKnownDamageAsync(
        new FindKnownDamageRequest { Repository = MoverSite.Main, PointId = point }, cancellationToken: Cancel).ResponseAsync.WithinDeadline()).Disks;

    private static OpenSessionRequest Order(byte[] disk, int number)
    {
        var order = MoverScript.Order(disk, task: $"task-{number}", backup: $"backup-{number}");
        order.JobId = $"job-{number}";
        return order;
    }

    private static Task<CommitResponse> CommitAsync(MoverSite site, DiskRoot root, int number) =>
        site.CommitAsync(MoverScript.Commit(MoverScript.Manifest(root, $"point-{number}", $"job-{number}", $"task-{number}")));

    /// <summary>Changes a byte of the first chunk that was stored.</summary>
    private static void Spoil(MoverSite site)
    {
        var pack = Directory.GetFiles(Path.Combine(site.RepositoryPath, "packs"), "*.pack", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
        using var file = new FileStream(pack, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        file.Position = 64 + 88 + 100;
        var value = file.ReadByte();
        file.Position--;
        file.WriteByte((byte)(value ^ 1));
    }
}
