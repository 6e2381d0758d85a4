// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>A worker reads a point up to the last digest and says which ranges cannot be restored.</summary>
public sealed class VerificationTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task WholeDisk_IsReadAndNothingIsFound()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage();
        var (point, _) = await site.BackUpAsync(image);

        var (result, statistics) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));

        Assert.Empty(result.DamagedRanges);
        Assert.Equal("", result.Damage);
        Assert.Equal((60L * MiB, image.Size, image.Size), (statistics.ReadBytes, statistics.ProcessedBytes, statistics.TotalBytes));
    }

    [Fact]
    public async Task ChangedByteInAPack_ItsRangeIsFoundTheRestIsReadAndTheNextBackupHealsIt()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage();
        var (point, _) = await site.BackUpAsync(image);
        site.DamageOnePack();

        var (result, statistics) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));

        var range = Assert.Single(result.DamagedRanges);

        Assert.InRange(range.LengthBytes, 1, 1 * MiB);
        Assert.NotEqual("", result.Damage);
        Assert.InRange(statistics.ReadBytes, 43L * MiB, 80L * MiB);

        await site.BackUpAsync(image, basePoint: point, engineBackup: "backup-2");
        var (healed, _) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));
        Assert.Empty(healed.DamagedRanges);
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
    }

    [Fact]
    public async Task WrongContentUnderRightChecksums_IsReportedToTheDataMoverAndTheNextBackupHealsIt()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage();
        var (point, _) = await site.BackUpAsync(image);
        site.PoisonOneChunk();

        var (result, _) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));

        Assert.Single(result.DamagedRanges);
        Assert.Contains("its content has another digest", result.Damage, StringComparison.Ordinal);
        var (_, statistics) = await site.BackUpAsync(Unchanged(image), basePoint: point, engineBackup: "backup-2");
        Assert.InRange(statistics.ReadBytes, 1, 1 * MiB);
        var (healed, _) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));
        Assert.Empty(healed.DamagedRanges);
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
    }

    [Fact]
    public async Task RootOfAnotherManifest_IsRefused()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage();
        var (point, _) = await site.BackUpAsync(image);
        var order = await site.VerifyOrderAsync(point, image.Size);
        order.Verify.Root.Digest = ByteString.CopyFrom([.. Enumerable.Repeat((byte)7, 32)]);

        var failure = await Failures.OfAsync(site.RunAsync(order));

        Assert.Equal(FailureCode.RepositoryDamaged, failure.Code);
    }

    [Fact]
    public async Task UnknownPoint_IsABadOrder()
    {
        await using var site = await TransferSite.StartAsync();
        var image = RandomImage();
        var (point, _) = await site.BackUpAsync(image);
        var order = await site.VerifyOrderAsync(point, image.Size);
        order.Verify.PointId = "point-x";

        var failure = await Failures.OfAsync(site.RunAsync(order));

        Assert.Equal(FailureCode.BadOrder, failure.Code);
    }

    private static SparseImage Unchanged(SparseImage image)
    {
        image.MarkClean();
        return image;
    }

    private static SparseImage RandomImage()
    {
        var image = new SparseImage(100 * MiB);
        image.Fill(10 * MiB, 60 * MiB, seed: 5);
        return image;
    }
}
