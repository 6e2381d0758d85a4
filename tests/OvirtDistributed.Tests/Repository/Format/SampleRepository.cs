// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using System.Text;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Frames;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using OvirtDistributed.Repository.Store.Collection;
using OvirtDistributed.Repository.Store.Packs;
using OvirtDistributed.Tests.Repository.Support;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Format;

/// <summary>
/// Writes a small repository with everything a reader can meet: two points, one of them incremental; maps of zero, one and two levels; zero,
/// repeated and partly used chunks; no compression, zstd and LZ4; metadata; several packs, one with a tombstone; an attempt that was not finished;
/// every kind of key slot.
/// </summary>
internal sealed class SampleRepository
{
    public const string Full = "point-full";
    public const string Incremental = "point-incremental";
    public const string OpenTask = "task-open";
    private const string Removed = "point-removed";
    private const int Rounds = 10_000;
    private const long HugeSize = (65L << 30) + 512;
    private const long HugeTail = (64L << 30) + 5_000_000;

    private readonly IStorageBackend _storage;
    private readonly ContentKeys _keys;
    private readonly TestDisk _system = new((33 << 20) + 4096);
    private readonly TestDisk _data = new((1 << 20) + 512);
    private readonly byte[] _huge = Text(3, 9_000);
    private readonly List<ExpectedPoint> _points = [];

    private SampleRepository(IStorageBackend storage, ContentKeys keys)
    {
        _storage = storage;
        _keys = keys;
    }

    public static async Task<FixtureExpectation> WriteAsync(string directory, bool encrypted, CancellationToken cancellationToken)
    {
        await using var storage = LocalStorage.Open(directory);
        var key = encrypted ? RepositoryKey.Generate() : null;
        var parameters = TestRepository.Parameters() with { RepositoryId = Guid.NewGuid(), Encryption = key?.Describe() };
        await RepositoryStore.CreateAsync(storage, parameters, cancellationToken);
        var sample = new SampleRepository(storage, ContentKeys.For(parameters.Encryption, key));
        await sample.WriteFullAsync(cancellationToken);
        await sample.WriteIncrementalAsync(cancellationToken);
        await sample.WriteAndRemoveAsync(cancellationToken);
        await sample.QuarantineAsync(cancellationToken);
        var secrets = key is null ? null : await sample.AddSlotsAsync(key, cancellationToken);
        return new FixtureExpectation { Secrets = secrets, Points = sample._points };
    }

    /// <summary>Text-like bytes: they compress, and no two stretches are equal.</summary>
    internal static byte[] Text(int seed, int length)
    {
        var text = new StringBuilder();
        for (var line = 0; text.Length < length; line++)
        {
            text.Append(seed).Append(" the quick brown fox jumps over line ").Append(line * 7919 % 100_003).Append(" of many, more or less\n");
        }

        return Encoding.ASCII.GetBytes(text.ToString(0, length));
    }

    private async Task WriteFullAsync(CancellationToken cancellationToken)
    {
        var text = Text(1, 320 << 10);
        text.AsSpan(40 << 10, 8 << 10).Clear(); // too short to be cut out
        text.AsSpan(140_000, 60_000).Clear(); // long enough
        Put(_system, 0, text);
        Put(_system, 5 << 20, text); // once more the same: its chunks stand in the map twice
        _system.Fill(32 << 20, 20_000, 1, compressible: false).Fill(33 << 20, 4096, 2, compressible: false);
        Put(_data, 0, Text(2, 100_000));
        _data.Fill(1 << 20, 512, 3, compressible: false);
        await using var store = await TestRepository.OpenAsync(_storage, cancellationToken);
        var system = await WriteDiskAsync(store, "system", null, _system.Size, _system.DataExtents(), Read(_system), CompressionProfile.Default, cancellationToken);
        var data = await WriteDiskAsync(store, "data", null, _data.Size, _data.DataExtents(), Read(_data), CompressionProfile.Fast, cancellationToken);
        var empty = await WriteDiskAsync(store, "empty", null, 8 << 20, [], Read(_data), CompressionProfile.Default, cancellationToken);
        var huge = await WriteDiskAsync(store, "huge", null, HugeSize, [new(HugeTail, _huge.Length)], _ => _huge, CompressionProfile.Stored, cancellationToken);
        await CommitAsync(store, Full, PointKind.Full, [system, data, empty, huge], "<ovf:Envelope>1</ovf:Envelope>", cancellationToken);
    }

    private async Task WriteIncrementalAsync(CancellationToken cancellationToken)
    {
        _data.TakeDirty();

        // No multiple of 4 KiB, where chunks are cut: it divides old chunks for certain.
        var inside = new DiskRange(100_352, 20_480);
        Put(_system, (int)inside.Offset, Text(4, (int)inside.Length));
        _system.Zero(33 << 20, 4096);
        _data.Grow(20 << 20); // from a page to a node over two
        Put(_data, 17 << 20, Text(5, 50_000));
        await using var store = await TestRepository.OpenAsync(_storage, cancellationToken);
        var system = await WriteDiskAsync(store, "system", Full, _system.Size, [inside, new(33 << 20, 4096)], Read(_system), CompressionProfile.Dense, cancellationToken);
        var data = await WriteDiskAsync(store, "data", Full, _data.Size, _data.TakeDirty(), Read(_data), CompressionProfile.Fast, cancellationToken);
        var empty = await WriteDiskAsync(store, "empty", Full, 8 << 20, [], Read(_data), CompressionProfile.Default, cancellationToken);
        var huge = await WriteDiskAsync(store, "huge", Full, HugeSize, [], _ => _huge, CompressionProfile.Default, cancellationToken);
        await CommitAsync(store, Incremental, PointKind.Incremental, [system, data, empty, huge], "<ovf:Envelope>2</ovf:Envelope>", cancellationToken);

        // Complete for its worker, and never committed: its journal stays.
        await WriteDiskAsync(store, OpenTask, null, 20 << 20, _data.DataExtents(), Read(_data), CompressionProfile.Default, cancellationToken);
    }

    /// <summary>Leaves a pack that nothing needs, and its tombstone.</summary>
    private async Task WriteAndRemoveAsync(CancellationToken cancellationToken)
    {
        var gone = RandomNumberGenerator.GetBytes(4096);
        await using (var store = await TestRepository.OpenAsync(_storage, cancellationToken))
        {
            var disk = await WriteDiskAsync(store, "gone", null, gone.Length, [new(0, gone.Length)], _ => gone, CompressionProfile.Default, cancellationToken);
            await CommitAsync(store, Removed, PointKind.Full, [disk], "<ovf:Envelope>3</ovf:Envelope>", cancellationToken);
        }

        await using var reopened = await TestRepository.OpenAsync(_storage, cancellationToken);
        await reopened.RemovePointAsync(Removed, cancellationToken);
        var report = await reopened.CollectAsync(new GcOptions { RewriteBelow = 0 }, null, cancellationToken);
        Assert.Equal(1, report.DeadPacks);
    }

    /// <summary>A record of a pack that is gone: it is read, and changes nothing.</summary>
    private async Task QuarantineAsync(CancellationToken cancellationToken)
    {
        using var quarantine = new Quarantine(_storage, new PackTable(), highestSequence: 0);
        var item = new QuarantineItem { Digest = _keys.Compute(FrameKind.Chunk, _huge), Kind = FrameKind.Chunk, Pack = 0x7ffe, Offset = 64, Reason = "for the fixture" };
        await quarantine.AddAsync([item], cancellationToken);
    }

    private async Task<ManifestDisk> WriteDiskAsync(
        RepositoryStore store, string disk, string? basePoint, long size, IEnumerable<DiskRange> extents, Func<DiskRange, ReadOnlyMemory<byte>> read,
        CompressionProfile profile, CancellationToken cancellationToken)
    {
        var task = disk == OpenTask ? disk : $"task-{disk}-{basePoint ?? "full"}";
        await using var session = await store.OpenWriteSessionAsync(Request(task, disk, 1, size, basePoint), cancellationToken);
        await using var writer = new TestWriter(store, session, _keys, profile);
        var root = await writer.WriteAsync(size, extents, read, cancellationToken);
        return new ManifestDisk
        {
            DiskId = disk,
            Alias = $"alias of {disk}",
            Root = root,
            TaskId = task,
            Format = "cow",
            Sparse = true,
            StorageType = "nfs",
            StorageDomainId = "domain-1",
            Interface = "virtio_scsi",
            Bootable = disk == "system",
            Kind = basePoint is null ? PointKind.Full : PointKind.Incremental,
            BasePointId = basePoint,
            FallbackReason = basePoint is null ? "no checkpoint" : null,
            Statistics = new Dictionary<string, long> { ["bytesRead"] = 4096 },
            Properties = new Dictionary<string, string> { ["profile"] = "gold" },
        };
    }

    internal static WriteSessionRequest Request(string task, string disk, long token, long size, string? basePoint) => new()
    {
        TaskId = task,
        FencingToken = token,
        EngineBackupId = "backup-1",
        DiskSize = size,
        BasePointId = basePoint,
        BaseDiskId = basePoint is null ? null : disk,
    };

    private async Task CommitAsync(RepositoryStore store, string point, PointKind kind, ManifestDisk[] disks, string ovf, CancellationToken cancellationToken)
    {
        var blob = MetadataFrame.Create("ovf", "application/xml", Encoding.UTF8.GetBytes(ovf), _keys);
        var manifest = Manifest(point, kind, disks) with { Blobs = [blob.Blob] };
        await store.CommitAsync(
            new CommitRequest { Manifest = manifest, StoredManifest = _keys.IsEncrypted ? ManifestCodec.Write(manifest, _keys) : default(ReadOnlyMemory<byte>?), MetadataFrames = [blob.Frame] },
            cancellationToken);
        if (point == Removed)
        {
            return;
        }

        _points.Add(new ExpectedPoint(point, manifest.VmName, [.. disks.Select(Expect)], [new ExpectedBlob("ovf", ExpectedBlob.DigestOf(Encoding.UTF8.GetBytes(ovf)))]));
    }

    private VmManifest Manifest(string point, PointKind kind, ManifestDisk[] disks)
    {
        var created = new DateTimeOffset(2026, 11, 27, 12, 0, _points.Count, 123, TimeSpan.Zero).AddTicks(4567);
        return new VmManifest
        {
            PointId = point,
            ManagerId = "manager-1",
            VmId = "vm-1",
            VmName = "Web server \u00fc",
            Created = created,
            JobId = $"job-{point}",
            Kind = kind,
            TransportMode = "cbt",
            EngineBackupId = "backup-1",
            CheckpointId = $"checkpoint-{_points.Count}",
            FromCheckpointId = kind == PointKind.Full ? null : "checkpoint-0",
            FallbackReason = kind == PointKind.Full ? "no checkpoint" : null,
            Consistency = PointConsistency.FileSystemConsistent,
            ConsistencyDetail = "frozen by the guest agent",
            Disks = disks,
            SkippedDisks = new Dictionary<string, string> { ["disk-lun"] = "direct LUN" },
            TraceId = "0af7651916cd43dd8448eb211c80319c",
            Stages = [new ManifestStage { Name = "copy", Started = created, Ended = created.AddSeconds(5) }],
            Statistics = new Dictionary<string, long> { ["bytesRead"] = 123_456 },
            Properties = new Dictionary<string, string> { ["cluster"] = "Default" },
        };
    }

    private ExpectedRange Expect(ManifestDisk disk)
    {
        var (offset, content) = disk.DiskId switch
        {
            "system" => (0L, _system.Content),
            "data" => (0L, _data.Content),
            "empty" => (0L, new byte[8 << 20]),
            _ => (HugeTail - 1000, [.. new byte[1000], .. _huge, .. new byte[1000]]),
        };
        return new ExpectedRange(disk.DiskId, disk.Root.DiskSize, disk.Root.Levels, offset, content.Length, ExpectedBlob.DigestOf(content));
    }

    private async Task<FixtureSecrets> AddSlotsAsync(RepositoryKey key, CancellationToken cancellationToken)
    {
        using var rsa = RSA.Create(2048);
        var created = new DateTimeOffset(2026, 11, 27, 13, 0, 0, TimeSpan.Zero);
        const string Passphrase = "correct horse battery \u00fc";
        var file = RandomNumberGenerator.GetBytes(64);
        var (shared, shares) = KeySlots.ForShares(key, "board", threshold: 2, count: 3, created);
        await using var store = await TestRepository.OpenAsync(_storage, cancellationToken);
        await store.AddKeySlotAsync(KeySlots.ForPassphrase(key, "operators", Passphrase, created, Rounds), cancellationToken);
        await store.AddKeySlotAsync(KeySlots.ForKeyFile(key, "safe", file, created), cancellationToken);
        await store.AddKeySlotAsync(KeySlots.ForPublicKey(key, "auditor", rsa.ExportSubjectPublicKeyInfoPem(), created), cancellationToken);
        await store.AddKeySlotAsync(shared, cancellationToken);
        return new FixtureSecrets(
            Passphrase, Convert.ToHexStringLower(file), rsa.ExportPkcs8PrivateKeyPem(), KeyPaper.Write(key), [.. shares.Select(KeyPaper.Write)]);
    }

    private static Func<DiskRange, ReadOnlyMemory<byte>> Read(TestDisk disk) => range => disk.Content.AsMemory((int)range.Offset, (int)range.Length);

    private static void Put(TestDisk disk, int offset, byte[] content)
    {
        disk.Fill(offset, content.Length, 0);
        content.CopyTo(disk.Content.AsSpan(offset));
    }
}
