// SPDX-License-Identifier: Apache-2.0
using Microsoft.Extensions.Logging.Abstractions;
using OvirtDistributed.Repository;
using OvirtDistributed.Repository.Chunking;
using OvirtDistributed.Repository.Digests;
using OvirtDistributed.Repository.Encryption;
using OvirtDistributed.Repository.Maps;
using OvirtDistributed.Repository.Points;
using OvirtDistributed.Repository.Reading;
using OvirtDistributed.Repository.Storage;
using OvirtDistributed.Repository.Store;
using Xunit;

namespace OvirtDistributed.Tests.Repository.Support;

/// <summary>Short ways to make, fill, open and read a repository in tests.</summary>
internal static class TestRepository
{
    public static readonly RepositoryStoreOptions Options = new()
    {
        FlushDelay = TimeSpan.FromMilliseconds(1),
        FlushBytes = 256 << 10,
        ReserveBytes = 0,
    };

    /// <summary>The same salt every time, so that a failing test cuts the same way again.</summary>
    public static RepositoryParameters Parameters(int packSize = 1 << 20) => new()
    {
        RepositoryId = Guid.Parse("0195c0de-0000-7000-8000-000000000001"),
        Chunker = new ChunkerParameters { Salt = Enumerable.Range(0, ChunkerParameters.SaltLength).Select(i => (byte)(i * 37)).ToArray() },
        PackSize = packSize,
    };

    public static async Task<RepositoryStore> CreateAsync(IStorageBackend storage, CancellationToken cancellationToken, RepositoryParameters? parameters = null)
    {
        await RepositoryStore.CreateAsync(storage, parameters ?? Parameters(), cancellationToken);
        return await OpenAsync(storage, cancellationToken);
    }

    public static Task<RepositoryStore> OpenAsync(
        IStorageBackend storage, CancellationToken cancellationToken, RepositoryStoreOptions? options = null, TimeProvider? timeProvider = null) =>
        RepositoryStore.OpenAsync(storage, options ?? Options, timeProvider ?? TimeProvider.System, NullLogger<RepositoryStore>.Instance, cancellationToken);

    public static WriteSessionRequest Request(string task, long token, TestDisk disk, string? basePoint = null, string backup = "backup-1") => new()
    {
        TaskId = task,
        FencingToken = token,
        EngineBackupId = backup,
        DiskSize = disk.Size,
        BasePointId = basePoint,
        BaseDiskId = basePoint is null ? null : "disk-1",
    };

    /// <summary>Backs a disk up from the first read to the commit.</summary>
    public static async Task<BackupResult> BackUpAsync(
        this RepositoryStore store, string job, TestDisk disk, IEnumerable<DiskRange> extents, string? basePoint, CancellationToken cancellationToken, ContentKeys? keys = null)
    {
        await using var session = await store.OpenWriteSessionAsync(Request($"task-{job}", 1, disk, basePoint), cancellationToken);
        await using var writer = new TestWriter(store, session, keys);
        var root = await writer.WriteAsync(disk, extents.Concat(session.DamagedRanges), cancellationToken);
        var manifest = TestWriter.Manifest(job, TestWriter.Disk(root, $"task-{job}", basePoint));
        var commit = await store.CommitAsync(new CommitRequest { Manifest = manifest, StoredManifest = keys is null ? default(ReadOnlyMemory<byte>?) : ManifestCodec.Write(manifest, keys) }, cancellationToken);
        return new BackupResult(root, commit, writer.ChunksSent);
    }

    /// <summary>Reads a point's first disk, whole.</summary>
    public static async Task<byte[]> RestoreAsync(this RepositoryStore store, string pointId, CancellationToken cancellationToken, ContentKeys? keys = null)
    {
        await using var session = await store.OpenReadSessionAsync(pointId, cancellationToken);
        var root = session.Manifest.Disks[0].Root;
        return await ReadAsync(new DiskImageReader(root, session, keys ?? store.Keys, new DiskImageReaderOptions()), new DiskRange(0, root.DiskSize), cancellationToken);
    }

    /// <summary>The chunks of a point's first disk, each once, in the order of the disk.</summary>
    public static async Task<ChunkDigest[]> ListChunksAsync(this RepositoryStore store, string pointId, CancellationToken cancellationToken)
    {
        await using var session = await store.OpenReadSessionAsync(pointId, cancellationToken);
        var root = session.Manifest.Disks[0].Root;
        using var walker = new MapWalker(root, session, store.Keys);
        var chunks = new List<ChunkDigest>();
        await foreach (var piece in walker.WalkAsync(new DiskRange(0, root.DiskSize), cancellationToken))
        {
            if (!piece.Digest.IsZero)
            {
                chunks.Add(piece.Digest);
            }
        }

        return [.. chunks.Distinct()];
    }

    /// <summary>Reads a range and checks that the extents cover it in order and exactly.</summary>
    public static async Task<byte[]> ReadAsync(DiskImageReader reader, DiskRange range, CancellationToken cancellationToken)
    {
        var content = new byte[range.Length];
        var position = range.Offset;
        await foreach (var extent in reader.ReadAsync(range, cancellationToken))
        {
            using (extent)
            {
                Assert.Equal(position, extent.Offset);
                extent.Data.Span.CopyTo(content.AsSpan((int)(extent.Offset - range.Offset)));
                position += extent.Length;
            }
        }

        Assert.Equal(range.End, position);
        return content;
    }

    internal sealed record BackupResult(DiskRoot Root, CommitResult Commit, long ChunksSent);
}
