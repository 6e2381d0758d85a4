// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Store;

/// <summary>Storage that gives back other bytes than it was given.</summary>
public sealed class DamageTests
{
    private static readonly TestDisk Disk = new TestDisk(40 << 20).Fill(0, 1 << 20, 1).Fill(20 << 20, 1 << 20, 2, compressible: false);

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(FrameKind.Chunk)]
    [InlineData(FrameKind.MapPage)]
    [InlineData(FrameKind.MapNode)]
    public async Task DamagedFrame_IsFoundByVerificationNamedAndRemembered(FrameKind kind)
    {
        var storage = await MakeAsync();
        var (pack, offset) = Break(storage, kind);
        await using (var store = await TestRepository.OpenAsync(storage, _token))
        {
            var damage = Assert.Single((await store.VerifyAsync("point-job-0", null, _token).WithinDeadline()).Damages);
            Assert.Equal((pack, offset, kind), (damage.Object, damage.Offset, damage.Kind));
        }

        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        Assert.Equal(1, reopened.GetStatistics().DamagedFrames);
        await reopened.BackUpAsync("job-1", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
        await CheckWholeAsync(reopened);
    }

    [Theory]
    [InlineData(FrameKind.Chunk)]
    [InlineData(FrameKind.MapPage)]
    [InlineData(FrameKind.MapNode)]
    public async Task DamageSeenByAReader_NextIncrementalReadsItsRangesAndHealsTheOldPointToo(FrameKind kind)
    {
        var storage = await MakeAsync();
        var (pack, offset) = Break(storage, kind);
        await using (var store = await TestRepository.OpenAsync(storage, _token))
        {
            var error = await Assert.ThrowsAsync<RepositoryException>(() => store.RestoreAsync("point-job-0", _token).WithinDeadline());
            Assert.Equal(RepositoryError.Damaged, error.Error);
            Assert.Contains($"{pack} at {offset}", error.Message, StringComparison.Ordinal);
            await Deadline.UntilAsync(() => Task.FromResult(storage.Names("quarantine").Count > 0), "the damage is written down");
        }

        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        await reopened.BackUpAsync("job-1", Disk, [], "point-job-0", _token).WithinDeadline();
        Assert.True((await reopened.RestoreAsync("point-job-1", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));
        await CheckWholeAsync(reopened);
    }

    [Fact]
    public async Task LostNodeOfTheBaseNotReadInFull_MapIsRefused()
    {
        var storage = await MakeAsync();
        Break(storage, FrameKind.MapNode);
        await using var store = await TestRepository.OpenAsync(storage, _token);
        await store.VerifyAsync("point-job-0", null, _token).WithinDeadline();
        await using var session = await store.OpenWriteSessionAsync(TestRepository.Request("task-x", 1, Disk, "point-job-0"), _token);
        Assert.Equal([new DiskRange(0, Disk.Size)], session.DamagedRanges);
        await using var writer = new TestWriter(store, session);
        var error = await Assert.ThrowsAsync<RepositoryException>(() => writer.WriteAsync(Disk, [new DiskRange(0, 20 << 20)], _token).WithinDeadline());
        Assert.Equal(RepositoryError.Damaged, error.Error);
        Assert.Contains("page 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task LostPack_IsReportedPerFrameAndTheNextCommitDoesNotTrustTheBase()
    {
        var storage = await MakeAsync();
        storage.Remove(storage.Names("packs").First(name => name.EndsWith(".pack", StringComparison.Ordinal)));
        await using var store = await TestRepository.OpenAsync(storage.Reboot(Tail.Kept), _token);
        var report = await store.VerifyAsync(null, null, _token).WithinDeadline();
        Assert.NotEmpty(report.Damages);
        Assert.All(report.Damages, damage => Assert.Equal(-1, damage.Offset));
        var root = (await store.ReadManifestAsync("point-job-0", _token)).Disks[0].Root;
        var manifest = TestWriter.Manifest("job-1", TestWriter.Disk(root, basePoint: "point-job-0"));
        var error = await Assert.ThrowsAsync<RepositoryException>(() => store.CommitAsync(new CommitRequest { Manifest = manifest }, _token));
        Assert.Equal(RepositoryError.MissingFrames, error.Error);
    }

    [Theory]
    [InlineData(0.9)]
    [InlineData(0.5)]
    [InlineData(0.1)]
    public async Task PackCutOff_LostFramesAreNeverHeldAgainAndTheNextBackupBringsThemBack(double kept)
    {
        var storage = await MakeAsync();
        foreach (var name in storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)))
        {
            var pack = storage.Read(name);
            storage.Write(name, pack[..(int)(pack.Length * kept)]);
        }

        // Opened twice: the first time seals the pack with a footer over places that the index still names.
        await using (var first = await TestRepository.OpenAsync(storage, _token))
        {
            Assert.Contains(first.Recovery.Problems, problem => problem.Contains("cut off", StringComparison.Ordinal));
        }

        await using var store = await TestRepository.OpenAsync(storage, _token);
        Assert.NotEmpty((await store.VerifyAsync("point-job-0", null, _token).WithinDeadline()).Damages);
        await store.BackUpAsync("job-1", Disk, Disk.DataExtents(), null, _token).WithinDeadline();

        Assert.True((await store.RestoreAsync("point-job-1", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));
        await CheckWholeAsync(store);
    }

    [Fact]
    public async Task IndexGone_IsRebuiltFromThePacks()
    {
        var storage = await MakeAsync();
        foreach (var run in storage.Names("index"))
        {
            storage.Remove(run);
        }

        await using var store = await TestRepository.OpenAsync(storage.Reboot(Tail.Kept), _token);
        Assert.True(store.Recovery.ReindexedFrames > 10);
        await CheckWholeAsync(store);
    }

    [Fact]
    public async Task IndexGoneAndTablesAreSmall_RunsAreMergedWhileItIsRebuilt()
    {
        var disk = new TestDisk(40 << 20).Fill(0, 8 << 20, 3, compressible: false);
        var storage = new CrashStorage();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", disk, disk.DataExtents(), null, _token).WithinDeadline();
        }

        foreach (var run in storage.Names("index"))
        {
            storage.Remove(run);
        }

        var options = TestRepository.Options with { MemoryTableEntries = 1, RunsPerTier = 2 };
        var recovery = new Recovery(storage.Reboot(Tail.Kept), TestRepository.Parameters(), ContentKeys.Plain, options, TimeProvider.System, NullLogger.Instance);
        var state = await recovery.RunAsync(_token).WithinDeadline();
        await using var index = state.Index;
        Assert.True(state.Report.ReindexedPacks > 3);
        Assert.InRange(index.RunCount, 1, 3);
        Assert.Equal(state.Report.ReindexedFrames, index.Totals().Entries);
    }

    [Fact]
    public async Task AnyByteOfTheIndexChanged_IndexIsRebuiltOrNothingIsWrong()
    {
        var storage = await MakeAsync();
        var runs = storage.Names("index");
        var random = new Random(11);
        for (var i = 0; i < 40; i++)
        {
            var broken = storage.Reboot(Tail.Kept);
            var run = runs[i % runs.Count];
            var content = broken.Read(run);
            content[random.Next(content.Length)] ^= (byte)(1 << random.Next(8));
            broken.Write(run, content);
            await using var store = await TestRepository.OpenAsync(broken, _token).WithinDeadline();
            Assert.True(store.Recovery.DamagedRuns == 1 || store.Recovery.IsClean);
            await CheckWholeAsync(store);
        }
    }

    [Fact]
    public async Task FooterDamaged_PackIsScannedAndSealedAgain()
    {
        var storage = await MakeAsync();
        foreach (var name in storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)))
        {
            var pack = storage.Read(name);
            pack[^60] ^= 1;
            storage.Write(name, pack);
        }

        foreach (var run in storage.Names("index"))
        {
            storage.Remove(run);
        }

        var reopened = storage.Reboot(Tail.Kept);
        await using (var store = await TestRepository.OpenAsync(reopened, _token))
        {
            Assert.True(store.Recovery.UnsealedPacks > 0);
            await CheckWholeAsync(store);
        }

        await using var again = await TestRepository.OpenAsync(reopened, _token);
        Assert.True(again.Recovery.IsClean);
    }

    [Fact]
    public async Task ManifestDamagedOrNewer_IsNamedAndTheOthersStayReadable()
    {
        var storage = await MakeAsync();
        await using (var store = await TestRepository.OpenAsync(storage, _token))
        {
            await store.BackUpAsync("job-1", Disk, [], "point-job-0", _token);
        }

        var path = storage.Names("points").First(name => name.Contains("job-0", StringComparison.Ordinal));
        var content = storage.Read(path);
        content[^20] ^= 1;
        storage.Write(path, content);
        await using var reopened = await TestRepository.OpenAsync(storage, _token);
        var error = await Assert.ThrowsAsync<RepositoryException>(() => reopened.ReadManifestAsync("point-job-0", _token));
        Assert.Equal(RepositoryError.Damaged, error.Error);
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains((await reopened.VerifyAsync(null, null, _token)).Damages, damage => damage.Object == path);
        Assert.True((await reopened.RestoreAsync("point-job-1", _token)).AsSpan().SequenceEqual(Disk.Content));

        storage.Write(path, System.Text.Encoding.UTF8.GetBytes("{\"format\":\"ovirt-distributed/point\",\"version\":2,\"length\":1,\"crc32c\":\"0\",\"mac\":null}\n{"));
        Assert.Equal(RepositoryError.NewerFormat, (await Assert.ThrowsAsync<RepositoryException>(() => reopened.ReadManifestAsync("point-job-0", _token))).Error);
    }

    private async Task CheckWholeAsync(RepositoryStore store)
    {
        Assert.True((await store.RestoreAsync("point-job-0", _token).WithinDeadline()).AsSpan().SequenceEqual(Disk.Content));
        Assert.Empty((await store.VerifyAsync("point-job-0", null, _token).WithinDeadline()).Damages);
    }

    private async Task<CrashStorage> MakeAsync()
    {
        var storage = new CrashStorage();
        await using (var store = await TestRepository.CreateAsync(storage, _token))
        {
            await store.BackUpAsync("job-0", Disk, Disk.DataExtents(), null, _token).WithinDeadline();
        }

        return storage;
    }

    /// <summary>Flips a bit in the payload of the first frame of a kind.</summary>
    internal static (string Pack, long Offset) Break(CrashStorage storage, FrameKind kind)
    {
        foreach (var name in storage.Names("packs").Where(name => name.EndsWith(".pack", StringComparison.Ordinal)))
        {
            var pack = storage.Read(name);
            for (var offset = 64; FrameHeader.TryRead(pack.AsSpan(offset), out var header); offset += header.FrameLength)
            {
                if (header.Kind == kind)
                {
                    pack[offset + FrameHeader.Size + (header.StoredLength / 2)] ^= 0x10;
                    storage.Write(name, pack);
                    return (name, offset);
                }
            }
        }

        throw new InvalidOperationException($"no {kind} was stored");
    }
}
