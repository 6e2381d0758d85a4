// SPDX-License-Identifier: Apache-2.0

using OvirtDistributed.Contracts.Control.V1;
using OvirtDistributed.Contracts.Mover.V1;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Worker.Execution;
using Xunit;

namespace OvirtDistributed.Tests.Worker.Transfers;

public sealed class BackupRestoreTests
{
    private const int MiB = 1 << 20;

    [Fact]
    public async Task FullBackup_RestoreIsIdenticalAndHolesAreNeverRead()
    {
        await using var site = await TransferSite.StartAsync();

        // An end that is no multiple of 4 KiB, chunks over segment and map page boundaries, and zeroes inside written blocks.
        var image = new SparseImage((150L * MiB) + 512);
        image.Fill(0, 5 * MiB, seed: 1);
        image.Fill(14 * MiB, 30 * MiB, seed: 2);
        image.Write(20 * MiB, new byte[3 * MiB]);
        image.Fill((150L * MiB) - 70_000, 70_512, seed: 3);
        var before = image.Clone();

        await using var server = await ImageServer.StartAsync(image);
        var order = site.BackupOrder(server);
        var (result, statistics) = await site.RunAsync(order);
        var point = await site.CommitAsync(order, result);

        Assert.Equal(image.AllocatedBytes, server.Reads.Sum(read => read.Length));
        Assert.Equal(image.AllocatedBytes, statistics.TotalBytes);
        Assert.Equal(statistics.TotalBytes, statistics.ProcessedBytes);
        Assert.Equal("direct", statistics.Route);
        Assert.NotEmpty(statistics.Bottleneck);
        var restored = await site.RestoreAsync(point, image.Size);
        Assert.Equal(-1, before.FirstDifference(restored));
    }

    [Fact]
    public async Task DiskOfZeroes_NothingIsReadOrWritten()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(40 * MiB);

        var (point, statistics) = await site.BackUpAsync(image);
        await using var target = await ImageServer.StartAsync(new SparseImage(image.Size));
        await site.RunAsync(site.RestoreOrder(target, point));

        Assert.Equal(0, statistics.ReadBytes);
        Assert.Equal(image.Size, statistics.ZeroBytes);
        Assert.Empty(target.Writes);
        Assert.Empty(target.Zeroes);
    }

    [Fact]
    public async Task HostHasAnotherAddress_OverrideOfTheOrderIsDialed()
    {
        await using var site = await TransferSite.StartAsync();
        await using var image = await ImageServer.StartAsync(new SparseImage(MiB));
        var direct = new Uri(image.Url);
        var order = site.BackupOrder(image);
        order.Backup.ImageTransfer.TransferUrl = image.Url.Replace(direct.Host, "Host1.invalid", StringComparison.Ordinal);
        order.Backup.ImageTransfer.HostAddresses.Add("Host1.invalid", direct.Host);

        var (result, _) = await site.RunAsync(order);

        Assert.Equal(order.DiskSizeBytes, result.Root.SizeBytes);
    }

    [Fact]
    public async Task SameContentAgain_NothingIsSentButMap()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(64 * MiB);
        image.Fill(0, 40 * MiB, seed: 1);
        await site.BackUpAsync(image);

        var (_, statistics) = await site.BackUpAsync(image, engineBackup: "backup-2");

        Assert.Equal(40 * MiB, statistics.DeduplicatedBytes);
        Assert.True(statistics.SentBytes < MiB, $"{statistics.SentBytes} bytes were sent");
    }

    [Fact]
    public async Task Incremental_OnlyChangesAreReadAndThePointIsComplete()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(200 * MiB);
        image.Fill(0, 120 * MiB, seed: 1);
        var (first, _) = await site.BackUpAsync(image);
        var before = image.Clone();
        image.MarkClean();
        image.Fill(3 * MiB, 70_000, seed: 2);
        image.Fill(17 * MiB, 65_536, seed: 3);
        image.Fill(180 * MiB, 2 * MiB, seed: 4);
        image.Trim(64 * MiB, 20 * MiB);
        image.Write(100 * MiB, new byte[MiB]);

        await using var server = await ImageServer.StartAsync(image);
        var order = site.BackupOrder(server, basePoint: first, engineBackup: "backup-2");
        var (result, statistics) = await site.RunAsync(order);
        var second = await site.CommitAsync(order, result);

        var dirty = image.Extents(changes: true).Where(extent => extent.Dirty && !extent.Zero).Sum(extent => extent.Length);
        Assert.Equal(dirty, server.Reads.Sum(read => read.Length));
        Assert.True(statistics.SentBytes < 5 * MiB, $"{statistics.SentBytes} bytes were sent");
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(second, image.Size)));

        // The base is untouched.
        Assert.Equal(-1, before.FirstDifference(await site.RestoreAsync(first, image.Size)));
    }

    [Fact]
    public async Task OnlyTheChangesAreInTheSource_WhatIsLittleUsedIsNotReadAgainFromIt()
    {
        const int Block = 65536;
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(64 << 20);
        image.Fill(0, 32 << 20, seed: 1);
        var (point, _) = await site.BackUpAsync(image);

        // Each time a layer that holds the changed blocks alone; the second would have the first's neighbours written anew.
        for (var round = 0; round < 3; round++)
        {
            var layer = new SparseImage(image.Size);
            for (var block = round; block < 512; block += round == 0 ? 2 : 37)
            {
                image.Fill((long)block * Block, Block, seed: (1000 * round) + block);
                layer.Fill((long)block * Block, Block, seed: (1000 * round) + block);
            }

            await using var server = await ImageServer.StartAsync(layer);
            var order = site.BackupOrder(server, basePoint: point, engineBackup: $"snapshot-{round}");
            order.Backup.TransportMode = "image-transfer";
            var (result, statistics) = await site.RunAsync(order);
            point = await site.CommitAsync(order, result, point);

            Assert.Equal(layer.AllocatedBytes, statistics.ReadBytes);
            Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
        }
    }

    [Fact]
    public async Task OnlyTheChangesAreInTheSourceAndTheBaseIsDamaged_AsksToBeReadInFull()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(16 << 20);
        image.Fill(0, 8 << 20, seed: 1);
        var (point, _) = await site.BackUpAsync(image);
        site.DamageFrames(FrameKind.Chunk, choose: number => number == 3);
        var verified = await site.Control.VerifyPointAsync(new VerifyPointRequest { Repository = "main", PointId = point }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.False(verified.Healthy);
        var layer = new SparseImage(image.Size);
        layer.Fill(12 << 20, 65536, seed: 2);
        await using var server = await ImageServer.StartAsync(layer);
        var order = site.BackupOrder(server, basePoint: point, engineBackup: "snapshot-1");
        order.Backup.TransportMode = "image-transfer";

        var failure = await Assert.ThrowsAsync<TaskFailureException>(() => site.RunAsync(order));

        Assert.Equal(FailureCode.DirtyExtentsUnavailable, failure.Code);
        Assert.Contains("read in full", failure.Message, StringComparison.Ordinal);
        Assert.Empty(server.Reads);
    }

    [Fact]
    public async Task LittleIsLeftOfTheBasesChunks_WhatIsLeftIsReadAgainAndWrittenAnew()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(64 << 20);
        image.Fill(0, 32 << 20, seed: 1);
        var (first, _) = await site.BackUpAsync(image);
        image.MarkClean();
        for (var block = 0; block < 512; block++)
        {
            if (block % 5 != 0)
            {
                image.Fill(block * 65536L, 65536, seed: 100 + block);
            }
        }

        var (second, changed) = await site.BackUpAsync(image, basePoint: first, engineBackup: "backup-2");
        image.MarkClean();
        image.Fill(5 << 20, 65536, seed: 7);
        var (third, anew) = await site.BackUpAsync(image, basePoint: second, engineBackup: "backup-3");
        image.MarkClean();
        var (fourth, quiet) = await site.BackUpAsync(image, basePoint: third, engineBackup: "backup-4");

        // Of each chunk a block of 64 KiB at most was left.
        Assert.Equal(0, changed.RewrittenBytes);
        Assert.InRange(anew.RewrittenBytes, 2 << 20, 103 * 65536L);
        Assert.Equal(anew.RewrittenBytes + 65536, anew.ReadBytes);
        Assert.InRange(quiet.RewrittenBytes, 0, anew.RewrittenBytes / 10);
        foreach (var point in new[] { third, fourth })
        {
            Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(point, image.Size)));
        }
    }

    [Fact]
    public async Task IncrementalWithoutChanges_NothingIsReadAndTheRootIsTheBases()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(100 * MiB);
        image.Fill(0, 50 * MiB, seed: 1);
        var (first, _) = await site.BackUpAsync(image);
        image.MarkClean();

        var (second, statistics) = await site.BackUpAsync(image, first, "backup-2");

        Assert.Equal(0, statistics.ReadBytes);
        Assert.Equal(-1, image.FirstDifference(await site.RestoreAsync(second, image.Size)));
    }

    [Fact]
    public async Task DiskGrewSinceTheBase_NewRangeIsReadWhateverTheChangesSay()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(50 * MiB);
        image.Fill(0, 50 * MiB, seed: 1);
        var (first, _) = await site.BackUpAsync(image);
        var grown = image.Clone(90 * MiB);
        grown.Fill(70 * MiB, 10 * MiB, seed: 2);
        grown.MarkClean();
        grown.Fill(8 * MiB, 100_000, seed: 3);

        var (second, statistics) = await site.BackUpAsync(grown, first, "backup-2");

        Assert.True(statistics.ReadBytes < 12 * MiB, $"{statistics.ReadBytes} bytes were read");
        Assert.Equal(-1, grown.FirstDifference(await site.RestoreAsync(second, grown.Size)));
    }

    [Fact]
    public async Task RestoreToDiskThatIsNotZero_HolesAreZeroed()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(60 * MiB);
        image.Fill(10 * MiB, 5 * MiB, seed: 1);
        var (point, _) = await site.BackUpAsync(image);
        var dirty = new SparseImage(image.Size);
        dirty.Fill(0, 60 * MiB, seed: 9);
        await using var target = await ImageServer.StartAsync(dirty);

        await site.RunAsync(site.RestoreOrder(target, point, targetIsZero: false));

        Assert.NotEmpty(target.Zeroes);
        Assert.Equal(5 * MiB, target.Writes.Sum(write => write.Length));
        Assert.Equal(-1, image.FirstDifference(target.Image));
    }

    [Fact]
    public async Task TargetIsLargerThanTheImage_RestIsZeroAndVerified()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(20 * MiB);
        image.Fill(0, 20 * MiB, seed: 1);
        var (point, _) = await site.BackUpAsync(image);
        await using var target = await ImageServer.StartAsync(new SparseImage(33 * MiB));

        var (result, _) = await site.RunAsync(site.RestoreOrder(target, point));

        Assert.Equal($"sha256:{target.Image.Checksum(4 * MiB)}", result.Checksum);
        Assert.Equal(-1, image.Clone(33 * MiB).FirstDifference(target.Image));
    }

    [Fact]
    public async Task TargetDoesNotKeepWhatWasWritten_MismatchIsReported()
    {
        await using var site = await TransferSite.StartAsync();
        var image = new SparseImage(20 * MiB);
        image.Fill(0, 20 * MiB, seed: 1);
        var (point, _) = await site.BackUpAsync(image);
        await using var target = await ImageServer.StartAsync(new SparseImage(image.Size));
        var spoiled = 0;
        target.AfterWrite = (disk, offset) =>
        {
            if (Interlocked.Exchange(ref spoiled, 1) == 0)
            {
                disk.Write(offset + 5, [1, 2, 3]);
            }
        };

        var failure = await Failures.OfAsync(site.RunAsync(site.RestoreOrder(target, point)));

        Assert.Equal(1, spoiled);
        Assert.Equal(FailureCode.ChecksumMismatch, failure.Code);
    }
}
