// SPDX-License-Identifier: Apache-2.0

using Grpc.Core;
using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>Between replicas stored frames move as they are, so that each repairs whatever the other has lost.</summary>
public sealed class ReplicaTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task Copy_HasTheRootOfTheOriginalAndHoldsTheSameDisk()
    {
        await using var site = await TransferSite.StartAsync();
        var image = NewImage();
        var (point, _) = await site.BackUpAsync(image);
        await site.CreateAsync(TransferSite.Offsite, replica: true);

        var (copy, statistics) = await site.CopyAsync(point, image.Size, TransferSite.Offsite);

        Assert.Equal(await site.RootAsync(point), copy.Root);
        Assert.Equal("replica", statistics.Route);
        Assert.Equal(statistics.TotalBytes, statistics.ProcessedBytes);
        var (restored, _) = await site.RestoreWithAsync(copy.PointId, image.Size, order => order.Mover.Repository = TransferSite.Offsite);
        Assert.Equal(-1, image.FirstDifference(restored));
    }

    [Fact]
    public async Task SecondCopy_MovesOnlyWhatIsMissing()
    {
        await using var site = await TransferSite.StartAsync();
        var image = NewImage();
        var (first, _) = await site.BackUpAsync(image);
        await site.CreateAsync(TransferSite.Offsite, replica: true);
        var (copied, full) = await site.CopyAsync(first, image.Size, TransferSite.Offsite);
        image.MarkClean();
        image.Fill(20 * MiB, MiB, seed: 6);
        var (second, _) = await site.BackUpAsync(image, first, "backup-2");

        var (copy, statistics) = await site.CopyAsync(second, image.Size, TransferSite.Offsite, (first, copied));

        Assert.True(full.SentBytes > 30 * MiB, $"{full.SentBytes} bytes sent in full");
        Assert.InRange(statistics.SentBytes, MiB, MiB + (512 << 10));
        Assert.Equal(statistics.SentBytes, statistics.ReadBytes);
        Assert.Equal(16L * MiB, statistics.TotalBytes);
        var (restored, _) = await site.RestoreWithAsync(copy.PointId, image.Size, order => order.Mover.Repository = TransferSite.Offsite);
        Assert.Equal(-1, image.FirstDifference(restored));

        var (_, again) = await site.CopyAsync(second, image.Size, TransferSite.Offsite);
        Assert.Equal(0, again.SentBytes);
    }

    [Fact]
    public async Task DamagedSource_IsNotCopied()
    {
        await using var site = await TransferSite.StartAsync();
        var image = NewImage();
        var (point, _) = await site.BackUpAsync(image);
        await site.CreateAsync(TransferSite.Offsite, replica: true);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 30);

        var failure = await Failures.OfAsync(site.CopyAsync(point, image.Size, TransferSite.Offsite));

        Assert.Equal(FailureCode.RepositoryDamaged, failure.Code);
    }

    [Fact]
    public async Task DamagedChunksPagesAndNodes_AreAllRepairedFromTheReplica()
    {
        await using var site = await TransferSite.StartAsync();
        var image = NewImage();
        var (first, _) = await site.BackUpAsync(image);
        image.MarkClean();
        image.Fill((30 * MiB) + (64 << 10), 64 << 10, seed: 6);
        var (point, _) = await site.BackUpAsync(image, first, "backup-2");
        await site.CreateAsync(TransferSite.Offsite, replica: true);
        var (copy, _) = await site.CopyAsync(point, image.Size, TransferSite.Offsite);
        var damaged = site.DamageFrames(FrameKind.MapPage).Count + site.DamageFrames(FrameKind.MapNode).Count + site.DamageFrames(FrameKind.Chunk, choose: number => number % 16 == 0).Count;

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        var source = Assert.Single(result.Rescue.Sources);
        Assert.Equal(source.Objects, source.RepairedObjects);
        Assert.InRange(source.RepairedObjects, 8, damaged);
        Assert.Equal((0L, ""), (source.BytesOnItsWord, result.Rescue.UnrepairedReason));
        var (verified, _) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));
        Assert.Empty(verified.DamagedRanges);
    }

    [Fact]
    public async Task RepositoryThatCutsOtherwise_IsNoReplica()
    {
        await using var site = await TransferSite.StartAsync();
        await site.CreateAsync(TransferSite.Offsite);

        var failure = await Assert.ThrowsAsync<RpcException>(() => site.CreateAsync(TransferSite.Offsite, replica: true).WithinDeadline());

        Assert.Equal(StatusCode.AlreadyExists, failure.StatusCode);
        await site.CreateAsync(TransferSite.Third, replica: true);
        await site.CreateAsync(TransferSite.Third, replica: true);
    }

    private static SparseImage NewImage()
    {
        var image = new SparseImage(52 * MiB);
        image.Fill(4 * MiB, 36 * MiB, seed: 5);
        return image;
    }
}
