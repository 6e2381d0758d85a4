// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Repository.Frames;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

/// <summary>What the point's own repository cannot give comes from copies of the point, chunk by chunk, and is repaired.</summary>
public sealed class RescueTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task DamagedChunks_ComeFromTheCopyAndAreRepaired()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        var damaged = site.DamageFrames(FrameKind.Chunk, choose: number => number % 40 == 7);
        Assert.True(damaged.Count > 2, $"{damaged.Count} chunks damaged");

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        var source = Assert.Single(result.Rescue.Sources);
        Assert.Equal((TransferSite.Offsite, damaged.Count, damaged.Count, 0L), (source.RepositoryName, source.Objects, source.RepairedObjects, source.BytesOnItsWord));
        Assert.InRange(source.Bytes, (long)damaged.Count << 15, (long)damaged.Count << 19);
        Assert.Empty(result.Rescue.UnrepairedRanges);
        await IsWholeAsync(site, point, image);
    }

    [Fact]
    public async Task PackIsCutShort_WhatWasBehindComesFromTheCopyAndIsRepaired()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        using (var pack = File.Open(site.PacksOf()[0], FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            pack.SetLength(30 * MiB);
        }

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, copy);

        // Behind are the last chunks, and pages: those of a copy with other names are no help to repair.
        Assert.Equal(-1, image.FirstDifference(restored));
        var source = Assert.Single(result.Rescue.Sources);
        Assert.True(source.RepairedObjects > 10 || result.Rescue.UnrepairedReason.Length > 0, $"{source}");
    }

    [Fact]
    public async Task CopyHoldsOtherBytes_IsRefusedAndNothingOfItIsTaken()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, _) = await StartAsync(site);
        var other = new SparseImage(image.Size);
        other.Fill(4 * MiB, 36 * MiB, seed: 99);
        var (wrong, _) = await site.BackUpAsync(other, engineBackup: "backup-2");
        var (copy, _) = await site.CopyAsync(wrong, image.Size, TransferSite.Offsite);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 50);

        var failure = await Failures.OfAsync(site.RestoreWithAsync(point, image.Size, null, copy));

        Assert.Equal(FailureCode.RepositoryDamaged, failure.Code);
        Assert.Contains("are not those of the restore point", failure.Message, StringComparison.Ordinal);
        Assert.Contains(TransferSite.Offsite, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FirstCopyIsWrong_SecondOneHelps()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, good) = await StartAsync(site);
        var other = new SparseImage(image.Size);
        other.Fill(4 * MiB, 36 * MiB, seed: 99);
        var (wrong, _) = await site.BackUpAsync(other, engineBackup: "backup-2");
        await site.CreateAsync(TransferSite.Third);
        var (bad, _) = await site.CopyAsync(wrong, image.Size, TransferSite.Third);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 50);

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, bad, good);

        Assert.Equal(-1, image.FirstDifference(restored));
        Assert.Equal(TransferSite.Offsite, Assert.Single(result.Rescue.Sources).RepositoryName);
        await IsWholeAsync(site, point, image);
    }

    [Fact]
    public async Task BothAreDamagedAtTheSamePlace_FailureNamesPointDiskAndRange()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 20);
        site.DamageFrames(FrameKind.Chunk, TransferSite.Offsite);

        var failure = await Failures.OfAsync(site.RestoreWithAsync(point, image.Size, null, copy));

        Assert.Equal(FailureCode.RepositoryDamaged, failure.Code);
        Assert.Matches($"Restore point '{point}', disk {TransferSite.DiskId}: \\d+ bytes cannot be read, at \\d+\\+\\d+", failure.Message);
        Assert.Contains($"no copy has them: {TransferSite.Offsite}", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NoCopyIsKnown_FailureSaysSo()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, _) = await StartAsync(site);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 20);

        var failure = await Failures.OfAsync(site.RestoreAsync(point, image.Size));

        Assert.Equal(FailureCode.RepositoryDamaged, failure.Code);
        Assert.Contains("no copy of the point in another repository is known", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DamagedMapPage_ItsRangeComesFromTheCopyAndTheReportSaysThatItIsNotRepaired()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        site.DamageFrames(FrameKind.MapPage, choose: number => number == 1);

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        var range = Assert.Single(result.Rescue.UnrepairedRanges);
        Assert.Equal((0, 16L * MiB), (range.OffsetBytes % (16 * MiB), range.LengthBytes));
        Assert.Contains("map page", result.Rescue.UnrepairedReason, StringComparison.Ordinal);
        Assert.Equal(0, result.Rescue.Sources.Single().RepairedObjects);

        await site.BackUpAsync(image, basePoint: point, engineBackup: "backup-2");
        await IsWholeAsync(site, point, image);
    }

    [Fact]
    public async Task DamagedMapNode_EverythingComesFromTheCopy()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        site.DamageFrames(FrameKind.MapNode);

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, null, copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        Assert.Equal(image.Size, Assert.Single(result.Rescue.UnrepairedRanges).LengthBytes);
    }

    [Fact]
    public async Task OnlyAPartOfTheDamagedChunkIsUsed_ItIsTakenOnTheCopysWord()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(40 * MiB);
        image.Fill(10 * MiB, 20 * MiB, seed: 5);
        var (first, _) = await site.BackUpAsync(image);
        image.MarkClean();
        image.Fill((12 * MiB) + (64 << 10), 64 << 10, seed: 6);
        var (second, _) = await site.BackUpAsync(image, first, "backup-2");
        await site.CreateAsync(TransferSite.Offsite);
        var (copy, _) = await site.CopyAsync(second, image.Size, TransferSite.Offsite);
        site.DamageFrames(FrameKind.Chunk);

        var (restored, result) = await site.RestoreWithAsync(second, image.Size, null, copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        var source = Assert.Single(result.Rescue.Sources);
        Assert.InRange(source.BytesOnItsWord, 4096, 1 * MiB);
        Assert.Equal(20L * MiB, source.Bytes);
        Assert.Contains("a part only", result.Rescue.UnrepairedReason, StringComparison.Ordinal);
        Assert.Equal(source.BytesOnItsWord, result.Rescue.UnrepairedRanges.Sum(range => range.LengthBytes));
    }

    [Fact]
    public async Task DataMoverOfThePointIsGone_AllComesFromTheCopy()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);

        var (restored, result) = await site.RestoreWithAsync(point, image.Size, order => order.Mover.Address = "http://127.0.0.1:1", copy);

        Assert.Equal(-1, image.FirstDifference(restored));
        Assert.NotEqual("", result.Rescue.Unreachable);
        Assert.Equal("", result.Rescue.UnrepairedReason);
        Assert.Equal(36L * MiB, result.Rescue.Sources.Single().Bytes);
    }

    [Fact]
    public async Task CopyIsGoneToo_FailureIsOneThatIsTriedAgain()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        copy.Mover.Address = "http://127.0.0.1:1";

        var failure = await Failures.OfAsync(site.RestoreWithAsync(point, image.Size, order => order.Mover.Address = "http://127.0.0.1:1", copy));

        Assert.NotEqual(FailureCode.RepositoryDamaged, failure.Code);
        Assert.Contains(TransferSite.Offsite, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task VerificationThatRepairs_HealsThePoint()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        var damaged = site.DamageFrames(FrameKind.Chunk, choose: number => number % 50 == 3);
        var order = await site.VerifyOrderAsync(point, image.Size);
        order.Verify.Repair = true;
        order.Verify.Copies.Add(copy);

        var (result, statistics) = await site.RunAsync(order);

        Assert.Empty(result.DamagedRanges);
        Assert.Equal(damaged.Count, result.Rescue.Sources.Single().RepairedObjects);
        Assert.Equal(36L * MiB, statistics.ReadBytes);
        await IsWholeAsync(site, point, image);
    }

    [Fact]
    public async Task VerificationThatCannotRepairAMapPage_CallsItsRangeDamaged()
    {
        await using var site = await TransferSite.StartAsync();
        var (image, point, copy) = await StartAsync(site);
        site.DamageFrames(FrameKind.MapPage, choose: number => number == 1);
        var order = await site.VerifyOrderAsync(point, image.Size);
        order.Verify.Repair = true;
        order.Verify.Copies.Add(copy);

        var (result, _) = await site.RunAsync(order);

        Assert.Equal(16L * MiB, Assert.Single(result.DamagedRanges).LengthBytes);
        Assert.Contains("map page", result.Damage, StringComparison.Ordinal);
    }

    /// <summary>A point, and a copy of it that is cut in another way.</summary>
    private static async Task<(SparseImage Image, string Point, PointCopy Copy)> StartAsync(TransferSite site)
    {
        var image = new SparseImage(52 * MiB);
        image.Fill(4 * MiB, 36 * MiB, seed: 5);
        var (point, _) = await site.BackUpAsync(image);
        await site.CreateAsync(TransferSite.Offsite);
        var (copy, _) = await site.CopyAsync(point, image.Size, TransferSite.Offsite);
        Assert.NotEqual((await site.RootAsync(point)).Digest, copy.Root.Digest);
        return (image, point, copy);
    }

    private static async Task IsWholeAsync(TransferSite site, string point, SparseImage image)
    {
        var (verified, _) = await site.RunAsync(await site.VerifyOrderAsync(point, image.Size));
        Assert.Empty(verified.DamagedRanges);
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
    }
}
