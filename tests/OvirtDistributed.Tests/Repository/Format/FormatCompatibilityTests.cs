// SPDX-License-Identifier: Apache-2.0
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Tests.Repository.Support;
using OvirtDistributed.Tests.Shared;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>
/// Repositories of every released version of the format are read for ever. <c>OVD_FREEZE_FORMAT=1</c> writes fixtures that are not there yet, and
/// nothing else: what is frozen is never edited.
/// </summary>
public sealed class FormatCompatibilityTests
{
    public const string Plain = "v1-plain";
    public const string Encrypted = "v2-encrypted";

    private readonly CancellationToken _token = TestContext.Current.CancellationToken;

    public static TheoryData<string> Frozen => [Plain, Encrypted];

    [Theory]
    [InlineData(Plain, false)]
    [InlineData(Encrypted, true)]
    public async Task AFixtureIsWritten_OnlyWhenAskedFor(string name, bool encrypted)
    {
        if (Environment.GetEnvironmentVariable("OVD_FREEZE_FORMAT") == "1" && !Directory.Exists(Path.Combine(Fixture.FrozenFolder, name)))
        {
            using var fixture = await Fixture.WriteAsync(encrypted, _token).WithinDeadline();
            fixture.Freeze(name);
        }

        Assert.True(Directory.Exists(Path.Combine(Fixture.FrozenFolder, name)), $"{name} is missing: it is part of the source, get it back from there.");
    }

    [Fact]
    public void EveryFrozenFolder_IsTested() => Assert.Equal(
        new[] { Plain, Encrypted }, Directory.GetDirectories(Fixture.FrozenFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Frozen))]
    public void AFixture_HoldsFramesOfEveryKindAndCompression(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        var headers = FrameEditor.Headers(fixture).ToList();
        Assert.Equal([FrameKind.Chunk, FrameKind.MapPage, FrameKind.MapNode, FrameKind.Metadata], headers.Select(header => header.Kind).Distinct().Order());
        Assert.Equal(
            [FrameCompression.None, FrameCompression.Zstd, FrameCompression.Lz4],
            headers.Where(header => header.Kind == FrameKind.Chunk).Select(header => header.Compression).Distinct().Order());
        Assert.Equal(name == Encrypted, headers.Any(header => header.Flags == FrameFlags.Encrypted));
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task FrozenRepository_OpensCleanly_AndGivesEveryByteBack(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        Assert.True(store.Recovery.IsClean, string.Join("; ", store.Recovery.Problems));
        await ReadAllAsync(fixture, store);
        Assert.Empty((await store.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task FrozenRepositoryWithoutItsIndex_GivesEveryByteBack(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        Directory.Delete(Path.Combine(fixture.Repository, "index"), recursive: true);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        Assert.True(store.Recovery.ReindexedFrames > 0);
        await ReadAllAsync(fixture, store);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task AnotherIncrementalOnAFrozenPoint_IsSmall_AndAllPointsAreRead(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using (var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline())
        {
            var keys = await fixture.KeysAsync(store, _token).WithinDeadline();
            var content = await ReadDiskAsync(store, keys, SampleRepository.Incremental, "system").WithinDeadline();
            SampleRepository.Text(6, 10_000).CopyTo(content.AsSpan(200_000));
            var sent = await BackUpOnTopAsync(store, keys, content, new DiskRange(196_608, 65_536)).WithinDeadline();
            Assert.InRange(sent, 1, 3);
            Assert.Equal(content, await ReadDiskAsync(store, keys, "point-new", "system").WithinDeadline());
        }

        await using var reopened = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        Assert.Equal(3, reopened.ListPoints().Count);
        await ReadAllAsync(fixture, reopened);
        Assert.Empty((await reopened.VerifyAsync(null, null, _token).WithinDeadline()).Damages);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task EqualContentOnAFrozenRepository_IsCutEqually_AndSendsNothing(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var keys = await fixture.KeysAsync(store, _token).WithinDeadline();
        var disk = new TestDisk(20 << 20);
        (await ReadDiskAsync(store, keys, SampleRepository.Incremental, "data").WithinDeadline()).CopyTo(disk.Content, 0);
        var request = SampleRepository.Request("task-again", "data", 1, disk.Size, basePoint: null);
        await using var session = await store.OpenWriteSessionAsync(request, _token).WithinDeadline();
        await using var writer = new TestWriter(store, session, keys);
        await writer.WriteAsync(disk, disk.DataExtents(), _token).WithinDeadline();
        Assert.Equal(0, writer.ChunksSent);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task AnAttemptOfAnOlderProgram_IsTakenOver(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var request = SampleRepository.Request(SampleRepository.OpenTask, "data", 2, 20 << 20, basePoint: null);
        await using var session = await store.OpenWriteSessionAsync(request, _token).WithinDeadline();
        Assert.Equal(2, session.CompletedPages.Count);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task ATombstoneOfAnOlderProgram_IsCarriedOut_AndNothingElseGoes(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var packs = fixture.Packs().Count();
        var report = await store.CollectAsync(new GcOptions { RewriteBelow = 0, Grace = TimeSpan.Zero }, null, _token).WithinDeadline();
        Assert.Equal((1, 1, packs - 1), (report.RemovedPacks, report.Journals, fixture.Packs().Count()));
        await ReadAllAsync(fixture, store);
    }

    [Theory]
    [MemberData(nameof(Frozen))]
    public async Task EveryMemberOfAFrozenManifest_KeepsItsName(string name)
    {
        using var fixture = Fixture.CopyFrozen(name);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var keys = await fixture.KeysAsync(store, _token).WithinDeadline();
        var full = await ReadManifestAsync(store, keys, SampleRepository.Full).WithinDeadline();
        var next = await ReadManifestAsync(store, keys, SampleRepository.Incremental).WithinDeadline();
        Assert.Equal((PointKind.Full, "no checkpoint", null), (full.Kind, full.FallbackReason, full.FromCheckpointId));
        Assert.Equal((PointKind.Incremental, null, "checkpoint-0", "checkpoint-1"), (next.Kind, next.FallbackReason, next.FromCheckpointId, next.CheckpointId));
        Assert.Equal(("cbt", "backup-1", "0af7651916cd43dd8448eb211c80319c"), (next.TransportMode, next.EngineBackupId, next.TraceId));
        Assert.Equal((PointConsistency.FileSystemConsistent, "frozen by the guest agent"), (next.Consistency, next.ConsistencyDetail));
        Assert.Equal(("direct LUN", "Default", 123_456), (next.SkippedDisks["disk-lun"], next.Properties["cluster"], next.Statistics["bytesRead"]));
        Assert.Equal(("copy", TimeSpan.FromSeconds(5)), (next.Stages[0].Name, next.Stages[0].Ended - next.Stages[0].Started));
        Assert.Equal(new DateTimeOffset(2026, 11, 27, 12, 0, 1, 123, TimeSpan.Zero).AddTicks(4567), next.Created);
        var disk = next.Disks[0];
        Assert.Equal(("alias of system", "cow", true, "nfs", "domain-1"), (disk.Alias, disk.Format, disk.Sparse, disk.StorageType, disk.StorageDomainId));
        Assert.Equal(("virtio_scsi", true, PointKind.Incremental, SampleRepository.Full), (disk.Interface, disk.Bootable, disk.Kind, disk.BasePointId));
        Assert.Equal(("task-system-point-full", 4096, "gold"), (disk.TaskId, disk.Statistics["bytesRead"], disk.Properties["profile"]));
        Assert.Equal(("no checkpoint", "application/xml"), (full.Disks[0].FallbackReason, full.Blobs[0].ContentType));
    }

    [Fact]
    public async Task EverySlotOfAFrozenRepository_Opens()
    {
        using var fixture = Fixture.CopyFrozen(Encrypted);
        await using var storage = LocalStorage.Open(fixture.Repository);
        await using var store = await TestRepository.OpenAsync(storage, _token).WithinDeadline();
        var slots = (await store.ListKeySlotsAsync(_token).WithinDeadline()).ToDictionary(slot => slot.Kind);
        var secrets = fixture.Expectation.Secrets!;
        var shares = secrets.Shares.Take(2).Select(KeyPaper.ReadShare).ToList();
        RepositoryKey[] keys =
        [
            KeySlots.OpenWithPassphrase(slots[KeySlotKind.Passphrase], secrets.Passphrase),
            KeySlots.OpenWithKeyFile(slots[KeySlotKind.KeyFile], Convert.FromHexString(secrets.KeyFileHex)),
            KeySlots.OpenWithPrivateKey(slots[KeySlotKind.PublicKey], secrets.PrivateKeyPem),
            KeySlots.OpenWithShares(slots[KeySlotKind.Shares], shares),
            KeyPaper.ReadKey(secrets.Paper),
        ];
        Assert.All(keys, key => key.RequireFits(store.Parameters.Encryption!));
    }

    private async Task<long> BackUpOnTopAsync(RepositoryStore store, ContentKeys keys, byte[] content, DiskRange dirty)
    {
        var request = SampleRepository.Request("task-new", "system", 1, content.Length, SampleRepository.Incremental);
        await using var session = await store.OpenWriteSessionAsync(request, _token);
        await using var writer = new TestWriter(store, session, keys);
        var root = await writer.WriteAsync(content.Length, [dirty], range => content.AsMemory((int)range.Offset, (int)range.Length), _token);
        var disk = new ManifestDisk { DiskId = "system", Root = root, TaskId = "task-new", BasePointId = SampleRepository.Incremental };
        var manifest = TestWriter.Manifest("job-new", disk) with { PointId = "point-new" };
        var stored = keys.IsEncrypted ? ManifestCodec.Write(manifest, keys) : default(ReadOnlyMemory<byte>?);
        await store.CommitAsync(new CommitRequest { Manifest = manifest, StoredManifest = stored }, _token);
        return writer.ChunksSent;
    }

    private async Task ReadAllAsync(Fixture fixture, RepositoryStore store)
    {
        var keys = await fixture.KeysAsync(store, _token).WithinDeadline();
        foreach (var point in fixture.Expectation.Points)
        {
            await using var session = await store.OpenReadSessionAsync(point.PointId, _token).WithinDeadline();
            var manifest = await ReadManifestAsync(store, keys, point.PointId).WithinDeadline();
            Assert.Equal(point.VmName, manifest.VmName);
            Assert.Equal(point.Disks.Select(disk => disk.DiskId), manifest.Disks.Select(disk => disk.DiskId));
            foreach (var (expected, disk) in point.Disks.Zip(manifest.Disks))
            {
                Assert.Equal((expected.DiskSize, expected.Levels), (disk.Root.DiskSize, disk.Root.Levels));
                var reader = new DiskImageReader(disk.Root, session, keys, new DiskImageReaderOptions());
                var content = await TestRepository.ReadAsync(reader, new DiskRange(expected.Offset, expected.Length), _token).WithinDeadline();
                Assert.Equal(expected.Sha256, ExpectedBlob.DigestOf(content));
            }

            foreach (var (expected, blob) in point.Blobs.Zip(manifest.Blobs))
            {
                using var batch = await session.FetchAsync(new[] { blob.Digest }, _token).WithinDeadline();
                Assert.Equal(expected.Name, blob.Name);
                Assert.Equal(expected.Sha256, ExpectedBlob.DigestOf(MetadataFrame.Read(blob, batch[0].Span, keys)));
            }
        }
    }

    private async Task<VmManifest> ReadManifestAsync(RepositoryStore store, ContentKeys keys, string point) =>
        ManifestCodec.Read(point, (await store.ReadPointAsync(point, _token)).Bytes.Span, keys);

    private async Task<byte[]> ReadDiskAsync(RepositoryStore store, ContentKeys keys, string point, string diskId)
    {
        await using var session = await store.OpenReadSessionAsync(point, _token);
        var root = session.Manifest.Disks.Single(disk => disk.DiskId == diskId).Root;
        return await TestRepository.ReadAsync(new DiskImageReader(root, session, keys, new DiskImageReaderOptions()), new DiskRange(0, root.DiskSize), _token);
    }
}
